"""The runs to be compared: each is a folder with its configuration, its curves and its evaluations."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from colorize.config import Config, load
from colorize.errors import UserError
from colorize.evaluation.model import RUN_ID
from colorize.evaluation.report import PAINTED, TRUTH, Evaluation, evaluations_in, read_evaluation, read_photos
from colorize.metrics.pooled import Values
from colorize.run_folder import CONFIG, EVALUATION, HISTORY
from colorize.tracking.place import uri_of


@dataclass(frozen=True)
class Run:
    """One run as it is compared.

    Attributes:
        name: the folder or the run id that was asked for.
        folder: where its files are.
        evaluation: the one that all runs have.
        keys, values: the photos and the numbers of each.
        curve: validation ab RMSE after each epoch.
    """

    name: str
    folder: Path
    config: Config
    evaluation: Evaluation
    keys: list[str]
    values: Values
    curve: np.ndarray

    @property
    def place(self) -> Path:
        """The folder of its evaluation."""
        return self.folder / EVALUATION / self.evaluation.name

    def pictures(self, kind: str) -> dict[str, Path]:
        """Photo -> picture; `kind` is `painted` or `truth`."""
        return {path.stem: path for path in sorted((self.place / kind).glob("*.png"))}


def find_runs(names: list[str], tracking: str | None, into: Path) -> list[tuple[str, Path]]:
    """Name and folder of each run; what MLflow has is fetched into a folder.

    Raises:
        UserError: a name is no folder of a finished run and no run id.
    """
    return [(name, _find(name, tracking, into)) for name in dict.fromkeys(names)]


def _find(name: str, tracking: str | None, into: Path) -> Path:
    folder = Path(name)
    if folder.is_dir():
        if not (folder / CONFIG).is_file():
            raise UserError(f"{name} is no run: it has no {CONFIG}; expected the output folder of `python train.py`")
        return folder
    if not RUN_ID.fullmatch(name):
        raise UserError(f"{name} is no run: expected an output folder, or a run id (32 hexadecimal digits)")
    from colorize.tracking.stored import StoredRuns

    stored = StoredRuns(tracking)
    stored.find(name)
    fetched = [stored.fetch(name, file, into / name) for file in (CONFIG, HISTORY, EVALUATION)]
    if fetched[0] is None:
        raise UserError(f"the run {name} has no {CONFIG} among its files: was it a training of ours?")
    return into / name


def load_runs(found: list[tuple[str, Path]], wanted: str | None) -> list[Run]:
    """Reads the evaluation that all runs have: `wanted`, or that on test before that on val.

    Raises:
        UserError: they have none in common, or were judged on different photos.
    """
    has = {name: [place.name for place in evaluations_in(folder)] for name, folder in found}
    common = set.intersection(*map(set, has.values())) & ({wanted} if wanted else set().union(*has.values()))
    if not common:
        listed = "\n".join(f"  {name}: {', '.join(places) or 'none'}" for name, places in has.items())
        raise UserError(
            f"these runs have no evaluation{f' {wanted}' if wanted else ''} in common; judge each with"
            f" `python -m colorize evaluate RUN`. They have:\n{listed}"
        )
    chosen = sorted(common, key=lambda name: (not name.endswith("-test"), name))[0]
    runs = [_load(name, folder, chosen) for name, folder in found]
    _check_same_photos(runs)
    return runs


def _load(name: str, folder: Path, evaluation: str) -> Run:
    place = folder / EVALUATION / evaluation
    keys, values = read_photos(place)
    return Run(name, folder, load(folder / CONFIG), read_evaluation(place), keys, values, _curve(folder / HISTORY))


def _curve(path: Path) -> np.ndarray:
    if not path.is_file():
        return np.zeros(0)
    with open(path, newline="") as file:
        return np.array([float(row["val_ab_rmse"]) for row in csv.DictReader(file)])


def _check_same_photos(runs: list[Run]) -> None:
    judged = {(run.evaluation.digest, run.evaluation.size): run for run in runs}
    if len(judged) == 1:
        return
    listed = "\n".join(
        f"  {run.name}: {run.evaluation.photos} photos, digest {digest}, at {size[0]} x {size[1]}"
        for (digest, size), run in judged.items()
    )
    raise UserError(
        "these runs were judged on different photos, or at different sizes, so their numbers cannot be compared; judge"
        f" all on the same with `python -m colorize evaluate RUN data=... data.root=...`:\n{listed}"
    )


def tracking_of(runs: list[Run]) -> tuple[str, str] | None:
    """URI and experiment of MLflow where all runs are logged; None where they have none in common."""
    places = {(uri_of(run.config), getattr(run.config.tracking, "experiment", None)) for run in runs}
    uri, experiment = places.pop()
    return (uri, experiment) if not places and uri else None


__all__ = ["PAINTED", "TRUTH", "Run", "find_runs", "load_runs", "tracking_of"]
