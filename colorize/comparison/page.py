"""The comparison as one HTML page that needs nothing else: tables, curves, the same photos by each group."""

import base64
import io
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from colorize.comparison.cost import HEADER, cost_rows
from colorize.comparison.groups import Group
from colorize.comparison.report import NOTES, Comparison, difference_rows, metric_rows
from colorize.metrics.pooled import BASELINES

COLUMNS = 8
"""Groups whose pictures are shown; more would not fit beside each other."""


def save_page(comparison: Comparison, path: Path) -> None:
    """Writes the page."""
    environment = Environment(
        loader=PackageLoader("colorize.comparison", "."),
        autoescape=select_autoescape(default=True),  # names of files and of groups are anybody's
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html.j2")
    path.write_text(template.render(**_content(comparison)), encoding="utf-8")


def _content(comparison: Comparison) -> dict:
    others = [group for group in comparison.groups if group is not comparison.reference]
    shown = [comparison.reference, *others][:COLUMNS]
    return {
        "comparison": comparison,
        "notes": NOTES,
        "baselines": [BASELINES[name] for name in comparison.evaluation.baselines],
        "metric_rows": metric_rows(comparison),
        "cost_header": HEADER,
        "cost_rows": cost_rows(comparison.groups),
        "differences": {label: difference_rows(values) for label, values in comparison.differences.items()},
        "curves": _curves(comparison),
        "photos": _photos(shown),
        "shown_groups": shown,
        "hidden_groups": len(comparison.groups) - COLUMNS,
    }


def _photos(groups: list[Group]) -> list[dict]:
    """Of each photo that all groups painted: its name, the truth, and each group's first seed."""
    painted = [group.runs[0].pictures("painted") for group in groups]
    truth, grey = (groups[0].runs[0].pictures(kind) for kind in ("truth", "grey"))
    common = [key for key in truth if all(key in pictures for pictures in (grey, *painted))]
    return [
        {
            "name": key,
            "grey": _data_uri(grey[key]),
            "truth": _data_uri(truth[key]),
            "painted": [_data_uri(pictures[key]) for pictures in painted],
        }
        for key in common
    ]


def _data_uri(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _curves(comparison: Comparison) -> str | None:
    """Validation ab RMSE by epoch, a line per run, a colour per group, as SVG; None where no run has any."""
    if not any(len(run.curve) for group in comparison.groups for run in group.runs):
        return None
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    for number, group in enumerate(comparison.groups):
        for place, run in enumerate(group.runs):
            label = group.label if place == 0 else None
            axes.plot(range(1, len(run.curve) + 1), run.curve, color=f"C{number % 10}", label=label, linewidth=1.3)
    axes.set(xlabel="epoch", ylabel="validation ab RMSE, Lab units")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    content = io.BytesIO()
    figure.savefig(content, format="svg")
    return f"data:image/svg+xml;base64,{base64.b64encode(content.getvalue()).decode()}"
