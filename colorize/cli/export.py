"""`python -m colorize export`: writes a model in other formats, and checks each against the original."""

import importlib.util
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from colorize import backend
from colorize.config.schema import Config, with_temperature
from colorize.console import say, show
from colorize.data.decode import resize
from colorize.data.examples import example_photos
from colorize.errors import UserError, first_line
from colorize.hub import find_model
from colorize.inference.load import pipeline_of

NEEDS = {"onnx": ("onnx", "tf2onnx", "onnxruntime"), "litert": ("ai_edge_litert",)}
"""Format -> packages of the extra `export`."""

NAME = "colorizer"

LARGEST_DIFFERENCE, MEAN_DIFFERENCE = 2, 0.05
"""Levels of 0..255 by which an exported model may differ from the original, in any value and in the mean."""

TIMES = 30
"""A photo is painted, for the median time."""


@dataclass(frozen=True)
class Exported:
    """What one format came to.

    Attributes:
        bytes: on disk.
        milliseconds: median for one photo, on the CPU.
        largest, mean: difference from the original, levels of 0..255.
    """

    path: Path
    bytes: int
    milliseconds: float
    largest: int
    mean: float


def export(
    model: str | None, names: list[str], out: Path, tracking: str | None = None, temperature: float | None = None
) -> list[Exported]:
    """Writes a model in some formats and prints size, speed and difference of each.

    Args:
        model: as `find_model`.
        names: of the formats.
        out: folder.
    Raises:
        UserError: there is no such model, a package is missing, a file is there already, or what was written differs
            too much from the original: it is removed.
    """
    missing = [package for name in names for package in NEEDS.get(name, ()) if not importlib.util.find_spec(package)]
    if missing:
        raise UserError(f"{', '.join(missing)} not installed: pip install -e '.[export]' -c constraints.txt")
    with tempfile.TemporaryDirectory(prefix="colorize-model-") as place:
        found = find_model(model, tracking, None, Path(place))
        config = with_temperature(found.config, temperature)
        backend.start("tensorflow", "cpu")  # weights fit every backend, but only this one writes all formats
        from colorize.export.formats import FORMATS

        paths = {name: out / f"{NAME}{FORMATS[name].ending}" for name in names}
        for path in paths.values():
            if path.exists():
                raise UserError(f"{path} is there already; remove it, or choose another folder: --out")
        photos = _photos(config)
        pipeline = pipeline_of(found.file, resize_mode="stretch", temperature=temperature)
        expected = [np.asarray(pipeline.paint(photo)) for photo in photos]
        console, exported = Console(), []
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--out: {out} cannot be made: {error.strerror}") from None
        try:
            for name, path in paths.items():
                say(console, f"writing   {path}")
                graph = painting_graph_of(found.file, config, temperature, FORMATS[name].photos)
                exported.append(_written(FORMATS[name], graph, path, photos, expected))
        finally:  # those before one that fails are written
            if exported:
                show(console, _table(exported, len(photos)))
            for name, one in zip(paths, exported):
                say(console, f"use       {FORMATS[name].used.replace('PATH', repr(str(one.path)))}")
    return exported


def painting_graph_of(place: Path, config: Config, temperature: float | None, photos: int | None):
    """The graph of the model at a place."""
    from colorize.export.graph import painting_graph
    from colorize.runs.weights import load_colorizer

    return painting_graph(load_colorizer(place, temperature), config.evaluation.flip_tta, photos)


def _photos(config: Config) -> list[np.ndarray]:
    """scikit-image's photos and their mirror images, squeezed to the model's size: uint8 (h, w, 3)."""
    size = config.data.height, config.data.width
    photos = [np.asarray(resize(Image.fromarray(photo), *size)) for photo in example_photos()]
    return [*photos, *(photo[:, ::-1] for photo in photos)]


def _written(kind, graph, path: Path, photos: list[np.ndarray], expected: list[np.ndarray]) -> Exported:
    """Writes a graph, runs what was written on the photos, and removes it if it is wrong."""
    try:
        kind.save(graph, path)
        run = kind.load(path)
        answers = [run(photo[None])[0].astype(int) for photo in photos]
    except Exception as error:  # of four libraries
        _remove(path)
        raise UserError(f"{path}: this model cannot be written so: {first_line(error)}") from None
    differences = [np.abs(answer - other) for answer, other in zip(answers, expected)]
    largest, mean = int(np.max(differences)), float(np.mean(differences))
    if largest > LARGEST_DIFFERENCE or mean > MEAN_DIFFERENCE:
        _remove(path)
        raise UserError(
            f"{path} was removed: it differs from the original by up to {largest} of 255, {mean:.3f} in the mean, on"
            f" {len(photos)} photos; allowed are {LARGEST_DIFFERENCE} and {MEAN_DIFFERENCE}"
        )
    return Exported(path, _bytes(path), _milliseconds(run, photos), largest, mean)


def _milliseconds(run, photos: list[np.ndarray]) -> float:
    seconds = []
    for number in range(TIMES):
        start = time.perf_counter()
        run(photos[number % len(photos)][None])
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds)


def _bytes(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _table(exported: list[Exported], photos: int) -> Table:
    table = Table("", "MB", "ms a photo", "largest difference", "mean", title=f"checked on {photos} photos; of 255")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in exported:
        figures = f"{one.bytes / 1e6:.2f}", f"{one.milliseconds:.1f}", str(one.largest), f"{one.mean:.5f}"
        table.add_row(one.path.name, *figures)
    return table
