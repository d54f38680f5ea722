"""The comparison as one HTML page that needs nothing else: tables, curves, the same photos by each group."""

import base64
import io
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from matplotlib.figure import Figure

from colorize.comparison.cost import HEADER, cost_rows
from colorize.comparison.figure import curves_figure, differences_figure
from colorize.comparison.groups import Group
from colorize.comparison.report import NOTES, Comparison, difference_rows, metric_rows
from colorize.metrics.summary import BASELINES

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
        "picture": _svg(differences_figure(comparison)),
        "curves": _svg(curves_figure(comparison)),
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


def _svg(figure: Figure | None) -> str | None:
    if figure is None:
        return None
    content = io.BytesIO()
    figure.savefig(content, format="svg")
    return f"data:image/svg+xml;base64,{base64.b64encode(content.getvalue()).decode()}"
