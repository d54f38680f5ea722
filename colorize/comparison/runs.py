"""The runs to be compared: each is a folder with its configuration, its curves and its evaluations."""

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from colorize.config.schema import Config, load
from colorize.config.training import MlflowTracking
from colorize.errors import UserError
from colorize.evaluation.report import Evaluation, evaluations_in, read_evaluation, read_photos
from colorize.hub import LATEST, RUN_ID, newest_run, read_result
from colorize.metrics.summary import Values
from colorize.runs.layout import CONFIG, EVALUATION, HISTORY, RESULT
from colorize.tracking.uri import uri_of


@dataclass(frozen=True)
class Run:
    """One run as it is compared.

    Attributes:
        name: the folder or the run id that was asked for.
        folder: where its files are.
        evaluation: the one that all runs have.
        keys, values: the photos and the numbers of each.
        curve: validation ab RMSE after each epoch.
        data_digest: of the photos that it was trained with; None where that is not known.
        result: `result.json`; empty where there is none.
    """

    name: str
    folder: Path
    config: Config
    evaluation: Evaluation
    keys: list[str]
    values: Values
    curve: np.ndarray
    data_digest: str | None = None
    result: dict = field(default_factory=dict)

    @property
    def place(self) -> Path:
        """The folder of its evaluation."""
        return self.folder / EVALUATION / self.evaluation.name

    def pictures(self, kind: str) -> dict[str, Path]:
        """Photo -> picture; `kind` is `grey`, `painted` or `truth`."""
        return {path.stem: path for path in sorted((self.place / kind).glob("*.png"))}


def find_runs(names: list[str], tracking: str | None, into: Path) -> list[tuple[str, Path]]:
    """Name and folder of each run; what MLflow has is fetched into a folder.

    Raises:
        UserError: a name is no folder of a finished run and no run id.
    """
    return [(name, _find(name, tracking, into)) for name in dict.fromkeys(names)]


def _find(name: str, tracking: str | None, into: Path) -> Path:
    folder = newest_run(Path.cwd()) if name == LATEST else Path(name)
    if folder.is_dir():
        if not (folder / CONFIG).is_file():
            raise UserError(f"{name} is no run: it has no {CONFIG}; expected the output folder of `python train.py`")
        return folder
    if not RUN_ID.fullmatch(name):
        raise UserError(f"{name} is no run: expected an output folder, or a run id (32 hexadecimal digits)")
    from colorize.tracking.client import StoredRuns

    stored = StoredRuns(tracking)
    stored.find(name)
    fetched = [stored.fetch(name, file, into / name) for file in (CONFIG, HISTORY, RESULT, EVALUATION)]
    if fetched[0] is None:
        raise UserError(f"the run {name} has no {CONFIG} among its files: was it a training of ours?")
    return into / name


def load_runs(
    found: list[tuple[str, Path]], wanted: str | None, all_of_them: bool = True
) -> tuple[list[Run], list[str]]:
    """Reads the evaluation that the runs have in common: `wanted`, or that on test before that on val.

    Args:
        wanted: its name or the beginning of it.
        all_of_them: whether every run must have it and be evaluated on the same photos; else the others are left out.
    Returns:
        the runs, and sentences about those that were left out.
    Raises:
        UserError: they have none in common, or were evaluated on different photos.
    """
    has = {name: [place.name for place in evaluations_in(folder)] for name, folder in found}
    counts = Counter(place for places in has.values() for place in places if place.startswith(wanted or ""))
    needed = len(found) if all_of_them else min(2, len(found))
    common = [place for place, number in counts.items() if number >= needed]
    if not common:
        listed = "\n".join(f"  {name}: {', '.join(places) or 'none'}" for name, places in has.items())
        raise UserError(
            f"these runs have no evaluation{f' {wanted}' if wanted else ''} in common; evaluate each on the same photos"
            f" with `python -m colorize evaluate RUN data=... data.root=...`. They have:\n{listed}"
        )
    chosen = min(common, key=lambda place: (-counts[place], "-test-" not in place, place))
    left_out = [f"{name} is left out: it has no evaluation {chosen}." for name in has if chosen not in has[name]]
    return [_load(name, folder, chosen) for name, folder in found if chosen in has[name]], left_out


def _load(name: str, folder: Path, evaluation: str) -> Run:
    place = folder / EVALUATION / evaluation
    try:
        keys, values = read_photos(place)
        evaluated = read_evaluation(place)
        curve = _curve(folder / HISTORY)
        if len(keys) != evaluated.photos:
            raise ValueError(f"it has {len(keys)} photos, and should have {evaluated.photos}")
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        reason = str(error) or type(error).__name__
        raise UserError(f"{place} or {folder / HISTORY} is damaged ({reason}); evaluate that run again") from None
    result = read_result(folder / RESULT)
    config = load(folder / CONFIG)
    return Run(name, folder, config, evaluated, keys, values, curve, result.get("data_digest"), result)


def _curve(path: Path) -> np.ndarray:
    if not path.is_file():
        return np.zeros(0)
    with open(path, newline="", encoding="utf-8") as file:
        return np.array([float(row["val_ab_rmse"]) for row in csv.DictReader(file)])


def tracking_of(runs: list[Run]) -> tuple[str, str] | None:
    """URI and experiment of MLflow where all runs are logged; None where they have none in common."""
    logged = [run.config.tracking for run in runs if isinstance(run.config.tracking, MlflowTracking)]
    places = {(uri_of(run.config), tracking.experiment) for run, tracking in zip(runs, logged)}
    return places.pop() if len(logged) == len(runs) and len(places) == 1 else None
