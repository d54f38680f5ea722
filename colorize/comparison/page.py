"""The comparison as one HTML page that needs nothing else: tables, curves, the same photos by each group."""

import base64
import io
from datetime import date
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from matplotlib.figure import Figure

from colorize.comparison.figure import curves_figure, differences_figure
from colorize.comparison.groups import Group
from colorize.comparison.report import NOTES, Comparison, cost_table, difference_table, metrics_table
from colorize.evaluation.report import file_names
from colorize.metrics.summary import METRICS

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
        "title": " · ".join(group.label for group in comparison.groups),
        "runs": sum(len(group.runs) for group in comparison.groups),
        "date": date.today().isoformat(),
        "notes": NOTES,
        "metrics": {METRICS[name].with_arrow: METRICS[name] for name in comparison.metrics},
        "metrics_table": metrics_table(comparison),
        "cost_table": cost_table(comparison),
        "differences": {label: difference_table(values) for label, values in comparison.differences.items()},
        "picture": _svg(differences_figure(comparison)),
        "curves": _svg(curves_figure(comparison)),
        "photos": _photos(shown),
        "hidden_groups": len(comparison.groups) - COLUMNS,
    }


def _photos(groups: list[Group]) -> list[dict]:
    """Of each photo that all groups painted: its name, and what there is to see with the caption of each: grey, each
    group's first seed, the truth."""
    first = groups[0].runs[0]
    columns = {"grey": first.pictures("grey"), **{g.label: g.runs[0].pictures("painted") for g in groups}}
    columns["truth"] = first.pictures("truth")
    names = file_names(first.place)
    common = [key for key in columns["truth"] if all(key in pictures for pictures in columns.values())]
    return [
        {"name": names[key], "pictures": {caption: _data_uri(pictures[key]) for caption, pictures in columns.items()}}
        for key in common
    ]


def _data_uri(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _svg(figure: Figure | None) -> str | None:
    if figure is None:
        return None
    content = io.BytesIO()
    figure.savefig(content, format="svg")
    return f"data:image/svg+xml;base64,{base64.b64encode(content.getvalue()).decode()}"
