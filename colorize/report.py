"""The shape report for people: a table, a paragraph, the dependency map as a picture."""

import io
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from colorize.color import rgb_to_lab
from colorize.models.colorizer import Network, scale_lightness
from colorize.pictures import dependency_figure
from colorize.run_folder import DEPENDENCY_MAP, SHAPES
from colorize.shapes import REACH, ShapeRow, dependency_maps, shape_report

WIDTH = 170
"""Characters of a line of the report as text."""


def write_shapes(network: Network, rgb: np.ndarray, folder: Path) -> list[ShapeRow]:
    """Writes the report (`shapes.txt`) and the dependency map (`dependency_map.png`) of a network.

    Args:
        rgb: a real batch, uint8 (B, H, W, 3).
    Returns:
        the rows of the report.
    """
    rows = shape_report(network, scale_lightness(rgb_to_lab(rgb)[..., :1]))
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(report_table(rows), explanation(network))
    (folder / SHAPES).write_text(console.export_text())
    maps = dependency_maps(network)
    dependency_figure(maps, maps.get(REACH)).savefig(folder / DEPENDENCY_MAP, dpi=100)
    return rows


def report_table(rows: list[ShapeRow]) -> Table:
    """The report for a terminal."""
    total = sum(row.parameters for row in rows)
    table = Table(title="What every axis means", show_footer=True)
    footers = {"parameters": f"{total:,}", "stage": "all"}
    for name in ("stage", "step", "layer", "axes", "declared", "seen", "parameters"):
        is_number = name == "parameters"
        table.add_column(name, footers.get(name, ""), justify="right" if is_number else "left", overflow="fold")
    for row, before in zip(rows, [None, *rows]):
        table.add_section() if before and before.stage != row.stage else None
        table.add_row(*[f"{v:,}" if isinstance(v, int) else v for v in asdict(row).values()])
    return table


def explanation(network: Network) -> str:
    """In words: what a timestep is here, what its features are, what the units become."""
    names = [step.name for step in network.trace.steps]
    if "to_sequence" not in names:
        return "No sequence is read here (fusion=none): the decoder gets the feature map as it is."
    shape_of = {name: network.trace.step(name).output.shape for name in names}
    _, rows, features = shape_of["to_sequence"]
    _, _, columns, channels = shape_of["to_map"]
    last = [name for name in names if name.startswith("gru")][-1]
    sizes = f"{columns} columns x {features // columns} channels"
    how = "through a learned projection" if "project_units" in names else "unit by unit, by a reshape"
    told = " Only the decoder, after that, tells each row what the whole map holds."
    context = told if "decoder_mean" in names else ""
    return (
        f"A timestep is one row of the feature map, not a moment in time: the GRUs read {rows} rows, the forward"
        f" half from the top, the backward half from the bottom. The {features:,} features of a timestep are the"
        f" row's {sizes}. A GRU returns one vector of units for each row, and row i of both halves speaks of row i."
        f" The last layer's {shape_of[last][-1]} units of a row become {columns} columns x {channels} channels,"
        f" {how}, and join the map at the same row.{context}"
    )
