"""What an evaluation comes to: the table, the protocol in words, and the files that are kept of it."""

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.markup import escape
from rich.table import Table

from colorize.metrics.summary import BASELINES, METRICS, OURS, Values, decibels, gain_over, shown

JSON, CSV = "evaluation.json", "photos.csv"
GREY, PAINTED, TRUTH, GRIDS = "grey", "painted", "truth", "comparison_grids"
IN_FILES_ALONE = {
    "ab_mae", "psnr_per_image", "exact_matches", "colorfulness_abs", "delta_colorfulness",
    "delta_colorfulness_per_image", "delta_colorfulness_abs", "delta_colorfulness_abs_per_image",
}  # fmt: skip
"""Metrics that would only hide the others on a page of MLflow."""


@dataclass(frozen=True)
class Evaluation:
    """A model evaluated on one part of a data set, the trivial baselines beside it.

    Attributes:
        data, part: which photos: name of the data set; train, val or test.
        photos: how many.
        digest: of these photos.
        size: (rows, columns) at which they were evaluated.
        protocol: how it was done, a sentence each.
        metrics: predictor -> metric -> value; the model is `ours`.
        truth: colorfulness of the photos themselves.
        model: which weights: a folder, or a URI of MLflow.
        seconds: that it took.
        temperature: of the model's annealed mean, where it is another one than in training.
        mirror: whether colours are the mean of the photo's own and of its mirror image's.
        reference: metric -> largest difference from scikit-image's, where that was asked for.
    """

    data: str
    part: str
    photos: int
    digest: str
    size: tuple[int, int]
    protocol: list[str]
    metrics: dict[str, dict[str, float]]
    truth: dict[str, float]
    model: str
    seconds: float
    temperature: float | None = None
    mirror: bool = False
    reference: dict[str, float] | None = None

    @property
    def name(self) -> str:
        """Of its folder, and of its section in MLflow."""
        name = evaluation_name(self.data, self.part, self.size, self.digest)
        name += "-mirror" if self.mirror else ""
        return name if self.temperature is None else f"{name}-temperature{self.temperature:g}"

    @property
    def title(self) -> str:
        """What was evaluated, and how colours were got where that is not as in training."""
        rows, columns = self.size
        changed = "" if self.temperature is None else f", temperature {self.temperature:g}"
        changed += ", with mirror images" if self.mirror else ""
        return f"{self.photos:,} photos of {self.data}, {self.part}, at {rows} x {columns}{changed}"

    @property
    def baselines(self) -> dict[str, dict[str, float]]:
        """The metrics of the trivial predictors."""
        return {name: values for name, values in self.metrics.items() if name != OURS}

    def table(self) -> Table:
        """Everything, a metric a row; an arrow says which direction is better."""
        table = Table("", *[BASELINES[name] for name in self.baselines], OURS, "truth", title=self.title)
        for column in table.columns[1:]:
            column.justify, column.header = "right", escape(str(column.header))
        order = [*self.baselines, OURS]
        for name, metric in METRICS.items():
            if name in self.metrics[OURS]:
                cells = [shown(name, self.metrics[predictor][name]) for predictor in order]
                truth = shown(name, self.truth.get(name))
                table.add_row(metric.with_arrow, *cells, truth)
        return table

    def headline(self) -> dict[str, float]:
        """The dozen of finite numbers that MLflow gets; all of them, and the baselines', are in `evaluation.json`.

        `gain` is the share by which ab RMSE is below that of the best trivial baseline: of different photos and sizes,
        it compares better than the errors do.
        """
        ours = {name: value for name, value in self.metrics[OURS].items() if name not in IN_FILES_ALONE}
        gain = gain_over(ours["ab_rmse"], [values["ab_rmse"] for values in self.baselines.values()])
        named = {"gain": gain} | ours
        if "colorfulness" in self.truth:
            named["truth.colorfulness"] = self.truth["colorfulness"]
        return {name: value for name, value in named.items() if math.isfinite(value)}

    def save(self, folder: Path) -> Path:
        """Writes `evaluation.json`; what is not finite becomes null, since JSON has no infinity."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / JSON
        path.write_text(json.dumps(finite(asdict(self)), indent=2, allow_nan=False) + "\n", encoding="utf-8")
        return path


def evaluation_name(data: str, part: str, size: tuple[int, int], digest: str) -> str:
    """Different photos, or the same at another size, never share a name."""
    return f"{data}-{part}-{size[0]}x{size[1]}-{digest[:4]}"


def finite(values):
    """The same with None for every number that is not finite."""
    if isinstance(values, dict):
        return {key: finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def save_photos(folder: Path, names: list[str], keys: list[str], hashes: list[str], values: Values) -> Path:
    """Writes `photos.csv`: a line per photo with its numbers; PSNR is `inf` for an exact match."""
    columns = {**values, "psnr": decibels(values["rgb_rmse"])}
    path = folder / CSV
    with open(path, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(["photo", "key", "sha256", *columns])
        for i, identity in enumerate(zip(names, keys, hashes)):
            writer.writerow([*identity, *[f"{column[i]:.9g}" for column in columns.values()]])
    return path


def read_photos(folder: Path) -> tuple[list[str], Values]:
    """Reads `photos.csv`: the keys of the photos, and their numbers."""
    with open(folder / CSV, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    numbers = [name for name in rows[0] if name not in ("photo", "key", "sha256", "psnr")]
    return [row["key"] for row in rows], {name: np.array([float(row[name]) for row in rows]) for name in numbers}


def file_names(folder: Path) -> dict[str, str]:
    """Key of each photo in `photos.csv` -> the name of its file."""
    with open(folder / CSV, newline="", encoding="utf-8") as file:
        return {row["key"]: Path(row["photo"]).name for row in csv.DictReader(file)}


def read_evaluation(folder: Path) -> Evaluation:
    """Reads `evaluation.json`."""
    values = json.loads((folder / JSON).read_text(encoding="utf-8"))
    return Evaluation(**{**values, "size": tuple(values["size"])})


def evaluations_in(folder: Path) -> Iterator[Path]:
    """The folders of the evaluations of a run."""
    return (path.parent for path in sorted((folder / "evaluation").glob(f"*/{JSON}")))
