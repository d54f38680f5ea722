"""The shape report for people: a table, a paragraph, the dependency map as a picture."""

import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from skimage.color import rgb2lab

from colorize.inspection.dependency_map import DependencyMap, computed, dependency_figure, dependency_maps
from colorize.models.colorizer import Network, scale_lightness
from colorize.runs.layout import DEPENDENCY_MAP, SHAPES

WIDTH = 170
"""Characters of a line of the report as text."""


@dataclass(frozen=True)
class ShapeRow:
    """One line of the report."""

    stage: str
    step: str
    layer: str
    axes: str
    declared: str
    seen: str
    parameters: int


def shape_report(network: Network, lightness_scaled: np.ndarray) -> list[ShapeRow]:
    """Every layer of the network with the shape that it declares and the one seen on a real batch (B, H, W, 1)."""
    records = network.layers
    picture = network.model.inputs[0]
    outputs = computed(network.model.inputs, [record.output for record in records], lightness_scaled)
    rows = [
        ShapeRow(
            "input",
            "lightness_scaled",
            "Input",
            "batch, row, column, channel = L scaled",
            _shape(picture.shape),
            _shape(lightness_scaled.shape),
            0,
        )
    ]
    for record, output in zip(records, outputs):
        layer = type(record.layer).__name__
        shapes = _shape(record.output.shape), _shape(output.shape)
        rows.append(ShapeRow(record.stage, record.name, layer, ", ".join(record.axes), *shapes, record.parameters))
    return rows


def _shape(shape) -> str:
    return "(" + ", ".join("B" if size is None else str(size) for size in shape) + ")"


class Report(NamedTuple):
    """The rows of the report, and the paragraph below them."""

    rows: list[ShapeRow]
    explanation: str


def write_shapes(network: Network, rgb: np.ndarray, folder: Path) -> Report:
    """Writes the report (`shapes.txt`) and the dependency map (`dependency_map.png`) of a network.

    Args:
        rgb: a real batch, uint8 (B, H, W, 3).
    """
    rows = shape_report(network, scale_lightness(rgb2lab(rgb)[..., :1]).astype("float32"))
    maps = dependency_maps(network)
    report = Report(rows, explanation(network, maps))
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(report_table(rows), report.explanation)
    (folder / SHAPES).write_text(console.export_text(), encoding="utf-8")
    dependency_figure(maps).savefig(folder / DEPENDENCY_MAP, dpi=100)
    return report


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


def explanation(network: Network, maps: list[DependencyMap]) -> str:
    """In words: what a timestep is here, what its features are, what the units become, and who knows all before that.

    Args:
        maps: of the network, see `dependency_maps`.
    """
    passes = network.recurrent_passes
    if not passes:
        return "No sequence is read here: what is joined to the feature map, if anything, has no order of rows."
    steps = {record.name: record for record in network.layers}
    global_context = (
        " Only the decoder, after that, tells each row what the whole map holds." if "decoder_mean" in steps else ""
    )
    if (maps[0].values > 0).all():
        along = maps[0].along.removesuffix("s")
        global_context = (
            f" The encoder shows every {along} of the map the whole picture before: the GRUs are not the only way from"
            f" {along} to {along}, and the dependency map is full."
        )
    if "to_sequence" in steps:
        return _of_lines(steps, passes[0].along.removesuffix("s")) + global_context
    rows, columns = passes[0].read.shape[1:3]
    return (
        f"A timestep is one position of the feature map, not a moment in time: along each of the {rows} rows the"
        f" {columns} columns follow one another, and along each column the rows, forward and backward. Every layer"
        f" returns one vector of units for each position, in the order of the map, and the last units of a position"
        f" become its channels.{global_context}"
    )


def _of_lines(steps: dict, line: str) -> str:
    """Where a timestep is a whole row, or a whole column."""
    position, start, end = ("columns", "top", "bottom") if line == "row" else ("rows", "left", "right")
    _, lines, features = steps["to_sequence"].output.shape
    _, _, positions, channels = steps["to_map"].output.shape
    last = [name for name in steps if name.startswith("gru")][-1]
    sizes = f"{positions} {position} x {features // positions} channels"
    how = "through a learned projection" if "project_units" in steps else "unit by unit, by a reshape"
    return (
        f"A timestep is one {line} of the feature map, not a moment in time: the GRUs read {lines} {line}s, the forward"
        f" half from the {start}, the backward half from the {end}. The {features:,} features of a timestep are the"
        f" {line}'s {sizes}. A GRU returns one vector of units for each {line}, and {line} i of both directions speaks"
        f" of {line} i. The last layer's {steps[last].output.shape[-1]} units of a {line} become {positions} {position}"
        f" x {channels} channels, {how}, and join the map at the same {line}."
    )
