"""A comparison in words and tables: on the screen, as Markdown, as JSON."""

import html
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Column, Table

from colorize.comparison.cost import HEADER, cost_rows
from colorize.comparison.groups import Group
from colorize.comparison.statistics import Difference, Estimate, Limits, differences, estimates
from colorize.evaluation.report import finite
from colorize.metrics.summary import BASELINES, METRICS, shown

ON_SCREEN = ("ab_rmse", "psnr_pooled", "auc", "colorfulness")
"""Metrics that the terminal shows; the files have all."""

NOTES = (
    "± and brackets are intervals of 95 % confidence: over seeds (Student's t) where a group has several, else over"
    " photos (bootstrap, 2,000 resamples).",
    "A difference is shown only where no interval of it includes zero: over photos (paired, the same photos in both,"
    " seeds as they are) and over seeds (paired where both have the same seeds, else Welch's t).",
    "Each interval stands for itself: of twenty true zeros, about one is missed. With few seeds they are wide.",
)


@dataclass(frozen=True)
class Comparison:
    """Groups beside each other, and each against the reference.

    Attributes:
        groups: in the order of the tables.
        reference: the one that others are compared with.
        estimates: by label of the group, then by metric.
        differences: likewise, without the reference.
        left_out: sentences about runs that do not count.
    """

    groups: list[Group]
    reference: Group
    estimates: dict[str, dict[str, Estimate]]
    differences: dict[str, dict[str, Difference]]
    left_out: list[str]

    @property
    def evaluation(self):
        """The evaluation of the first run: photos and baselines are the same for all."""
        return self.groups[0].runs[0].evaluation

    @property
    def protocol(self) -> list[str]:
        """How it was measured: what holds for all runs, then what holds for a group alone."""
        of_groups = {group.label: group.runs[0].evaluation.protocol for group in self.groups}
        shared = [sentence for sentence in self.evaluation.protocol if all(sentence in p for p in of_groups.values())]
        own = [f"{label}: {line}" for label, lines in of_groups.items() for line in lines if line not in shared]
        return shared + own

    @property
    def title(self) -> str:
        """What was evaluated."""
        return self.evaluation.title

    @property
    def metrics(self) -> list[str]:
        """Those that every group has, in the order of tables."""
        return [name for name in METRICS if all(name in values for values in self.estimates.values())]

    @property
    def sentences(self) -> list[str]:
        """The answer in words: of each group, what is shown against the reference in ab RMSE."""
        if not self.differences:
            return [f"There is one group alone, {self.reference.label}: nothing to compare it with."]
        sentences = [
            _sentence(label, self.reference.label, values["ab_rmse"]) for label, values in self.differences.items()
        ]
        if len({run.data_digest for group in self.groups for run in group.runs}) > 1:
            sentences.append(
                f"They were trained on different photos; the baselines are those of {self.groups[0].label}."
            )
        return sentences


def make_comparison(groups: list[Group], reference: Group, left_out: list[str]) -> Comparison:
    """Computes all intervals."""
    others = [group for group in groups if group is not reference]
    return Comparison(
        groups, reference, {group.label: estimates(group) for group in groups},
        {group.label: differences(group, reference) for group in others}, left_out,
    )  # fmt: skip


def _sentence(label: str, reference: str, difference: Difference) -> str:
    size = f"{signed('ab_rmse', difference.mean)} ab RMSE against {reference}"
    intervals = f"photos {brackets('ab_rmse', difference.over_photos)}"
    if difference.over_seeds:
        intervals += f", seeds {brackets('ab_rmse', difference.over_seeds)}"
    share = f"; nearer to the truth on {difference.better:.0%} of the photos"
    return f"{label}: {size} ({intervals}): {difference.conclusion('ab_rmse')}{share}."


def interval(name: str, estimate: Estimate) -> str:
    """A number with its interval; as ± where that is symmetric."""
    text = shown(name, estimate.mean)
    if estimate.limits is None or not text:
        return text
    low, high = estimate.limits
    if estimate.over == "seeds":
        return f"{text} ± {shown(name, (high - low) / 2)}"
    return f"{text} {brackets(name, estimate.limits)}"


def brackets(name: str, limits: Limits, signed: bool = False) -> str:
    """An interval; `signed` for differences."""
    if limits is None:
        return "-"
    low, high = (f"{value:{'+' if signed else ''}.{METRICS[name].decimals}f}" for value in limits)
    return f"[{low}, {high}]"


def signed(name: str, value: float | None) -> str:
    """A difference with its sign."""
    return "" if value is None else f"{value:+.{METRICS[name].decimals}f}"


def estimates_table(comparison: Comparison) -> Table:
    """Groups with their intervals, the baselines above them."""
    metrics = [name for name in ON_SCREEN if name in comparison.metrics]
    table = Table(
        Column("", overflow="fold"),
        "seeds",
        *[METRICS[name].title for name in metrics],
        title=comparison.title,
        padding=(0, 1, 0, 0),
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for baseline, values in comparison.evaluation.baselines.items():
        table.add_row(escape(BASELINES[baseline]), "", *[shown(name, values[name]) for name in metrics])
    table.add_section()
    for group in comparison.groups:
        cells = [escape(interval(name, comparison.estimates[group.label][name])) for name in metrics]
        table.add_row(escape(group.label), str(len(group.runs)), *cells)
    return table


Rows = list[list[str]]


def without_empty_columns(header: list[str], rows: Rows) -> tuple[list[str], Rows]:
    """A table without the columns in which no row says anything; the first one stays."""
    filled = [i for i in range(len(header)) if i == 0 or any(row[i] not in ("", "-") for row in rows)]
    return [header[i] for i in filled], [[row[i] for i in filled] for row in rows]


def metrics_table(comparison: Comparison) -> tuple[list[str], Rows]:
    """Header and rows: each metric's title and arrow, the baselines, each group with its interval, the truth."""
    evaluation, rows = comparison.evaluation, []
    for name in comparison.metrics:
        baselines = [shown(name, values[name]) for values in evaluation.baselines.values()]
        groups = [interval(name, comparison.estimates[group.label][name]) for group in comparison.groups]
        rows.append([METRICS[name].with_arrow, *baselines, *groups, shown(name, evaluation.truth.get(name))])
    labels = [group.label for group in comparison.groups]
    return without_empty_columns(["", *[BASELINES[name] for name in evaluation.baselines], *labels, "truth"], rows)


def cost_table(comparison: Comparison) -> tuple[list[str], Rows]:
    """Header and rows of `cost_rows`."""
    return without_empty_columns(list(HEADER), cost_rows(comparison.groups))


def difference_table(values: dict[str, Difference]) -> tuple[list[str], Rows]:
    """Header and rows: each metric's title, the difference, both intervals, the share of photos, the conclusion."""
    rows = [
        [
            METRICS[name].with_arrow,
            signed(name, difference.mean),
            brackets(name, difference.over_photos, signed=True),
            brackets(name, difference.over_seeds, signed=True),
            "" if difference.better is None else f"{difference.better:.0%}",
            difference.conclusion(name),
        ]
        for name, difference in values.items()
    ]
    return without_empty_columns(["", "difference", "over photos", "over seeds", "better on", "shown"], rows)


def markdown(comparison: Comparison) -> str:
    """The whole comparison, every metric."""
    labels = [group.label for group in comparison.groups]
    lines = [f"# Comparison: {comparison.title}", ""]
    lines += [f"- {sentence}" for sentence in [*comparison.sentences, *comparison.left_out]] + [""]
    lines += ["## What differs", "", *_rows(["", *labels], _differing_rows(comparison)), ""]
    lines += ["## Metrics", "", *_rows(*metrics_table(comparison)), ""]
    lines += ["## Cost", "", *_rows(*cost_table(comparison)), ""]
    for label, values in comparison.differences.items():
        lines += [f"## {label} against {comparison.reference.label}", ""]
        lines += [*_rows(*difference_table(values)), ""]
    lines += ["## How it was measured", ""]
    lines += [f"- {sentence}" for sentence in [*NOTES, *comparison.protocol]]
    lines += ["", "## Runs", "", *_rows(["group", "seed", "run"], _run_rows(comparison)), ""]
    return "\n".join(lines)


def _differing_rows(comparison: Comparison) -> Rows:
    keys = comparison.groups[0].differing
    return [[f"`{key}`", *[group.differing[key] for group in comparison.groups]] for key in keys]


def _run_rows(comparison: Comparison) -> Rows:
    return [[group.label, str(run.config.seed), run.name] for group in comparison.groups for run in group.runs]


def _rows(header: list[str], rows: Rows) -> list[str]:
    escaped = [
        [" ".join(html.escape(cell, quote=False).split()).replace("|", "\\|") for cell in row]
        for row in [header, *rows]
    ]
    lines = ["| " + " | ".join(row) + " |" for row in escaped]
    return [lines[0], "|" + "---|" * len(header), *lines[1:]]


def save_json(comparison: Comparison, path: Path) -> None:
    """Writes every number, for programs."""
    values = {
        "title": comparison.title,
        "reference": comparison.reference.label,
        "protocol": comparison.protocol,
        "groups": [
            {
                "label": group.label,
                "differing": group.differing,
                "runs": [run.name for run in group.runs],
                "seeds": group.seeds,
                "estimates": {name: asdict(value) for name, value in comparison.estimates[group.label].items()},
                "differences": {
                    name: {**asdict(value), "conclusion": value.conclusion(name)}
                    for name, value in comparison.differences.get(group.label, {}).items()
                },
            }
            for group in comparison.groups
        ],
    }
    path.write_text(json.dumps(finite(values), indent=2, allow_nan=False) + "\n", encoding="utf-8")
