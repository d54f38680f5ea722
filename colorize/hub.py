"""Finding a trained model: the one in the box, a file, an output folder, a run of MLflow, a registered model."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from colorize.config.base import TRAIN
from colorize.config.schema import Config
from colorize.errors import UserError
from colorize.inference.load import CHOICES, check_saturation, pipeline_of
from colorize.runs.layout import CONFIG, EVALUATION, HYDRAS, PHOTOS, RESULT, TRACKING, load_config
from colorize.runs.model_file import BOX, MODEL, PRETRAINED, About, model_path, read_about, read_config
from colorize.tracking.journal import Marks
from colorize.tracking.uri import uri_of

if TYPE_CHECKING:
    from colorize.inference.pipeline import ColorizationPipeline
    from colorize.inference.predict import ResizeMode
    from colorize.inference.upsampling import Upsampling

RUN_ID = re.compile("[0-9a-f]{32}")

LATEST = "latest"
"""Names the run that finished last."""

MODELS = "output folder, model file, run id, models:/NAME/VERSION, models:/NAME@ALIAS, latest, or pretrained"
"""What a model may be given as."""


@dataclass(frozen=True)
class FoundModel:
    """A trained model and where it came from.

    Attributes:
        name: as it was asked for.
        file: the model.
        out: folder that evaluations of it go into.
        run_id, tracking_uri: the run that it was trained in, where MLflow knows it.
        manifest: `photos.csv` of its training, where there is one.
    """

    name: str
    file: Path
    out: Path
    run_id: str | None = None
    tracking_uri: str = ""
    manifest: Path | None = None

    @property
    def comparable(self) -> str | None:
        """What `compare` is given to find it, quoted for a shell; None where it is neither folder nor run."""
        if Path(self.name).is_dir():
            return quote(self.name)
        return f"{self.run_id} --tracking {quote(self.tracking_uri)}" if self.run_id else None

    @property
    def config(self) -> Config:
        """Its configuration; where there is the output folder, with the paths of this machine."""
        beside = self.file.parent / CONFIG
        return load_config(self.file.parent) if beside.is_file() else read_config(self.file)

    @property
    def about(self) -> About:
        """What it says of itself."""
        return read_about(self.file)


PLACES = ("outputs", "multirun")
"""Folders below which runs lie, at whatever depth `hydra.run.dir` puts them."""


def newest_run(place: Path) -> Path:
    """The output folder of the run that finished last below a folder; those of debug=... left out.

    Raises:
        UserError: none was.
    """
    folders = [folder for name in PLACES for folder in _runs_below(place / name)]
    finished = [folder for folder in folders if (folder / MODEL).is_file() and not _is_debugged(folder)]
    if not finished:
        raise UserError(
            f"latest: there is no finished run in outputs/ or multirun/ below {place}, those of debug=... left out:"
            f" train one with `{TRAIN}`, or name another model: {MODELS}"
        )
    return max(finished, key=lambda folder: (folder / RESULT).stat().st_mtime)


def _runs_below(place: Path) -> Iterator[Path]:
    """The output folders below a folder that hold a result; what lies within one is not looked at."""
    for path, folders, files in os.walk(place):
        if CONFIG in files:
            folders.clear()
        if RESULT in files:
            yield Path(path)


def _is_debugged(folder: Path) -> bool:
    """Whether it was a run of `debug=...`, as Hydra noted: none that learned what it should."""
    overrides = folder / HYDRAS / "overrides.yaml"
    return overrides.is_file() and "debug=" in overrides.read_text(encoding="utf-8", errors="replace")


def find_model(name: str | None, tracking_uri: str | None, out: Path | None, place: Path) -> FoundModel:
    """Finds a model.

    Args:
        name: one of `MODELS`; None: pretrained, the model in the box.
        tracking_uri: where runs and registered models are looked for; None: as `StoredRuns`.
        out: folder for evaluations; None: beside the model, or `evaluations/RUN`.
        place: folder that files are fetched into.
    Raises:
        UserError: there is no such model.
    """
    if name in (None, PRETRAINED):
        return FoundModel(PRETRAINED, model_path(BOX), out or Path("evaluations") / PRETRAINED)
    if name == LATEST:
        name = str(newest_run(Path.cwd()))
    if Path(name).is_dir():
        return _in_folder(name, out)
    if Path(name).is_file():
        return FoundModel(name, model_path(Path(name)), out or Path("evaluations") / Path(name).stem)
    if not RUN_ID.fullmatch(name) and not name.startswith("models:/"):
        raise UserError(f"{name} is no model: there is no such folder or file; expected {MODELS}")
    return _stored(name, tracking_uri, out, place)


def _stored(name: str, tracking_uri: str | None, out: Path | None, place: Path) -> FoundModel:
    from colorize.tracking.client import StoredRuns

    stored = StoredRuns(tracking_uri)
    run_id: str | None
    fetched: Path | None
    if name.startswith("models:/"):
        fetched, run_id = stored.fetch_registered(name, place)
    else:
        run_id = stored.find(name).info.run_id
        fetched = stored.fetch_model(run_id, place)
        if fetched is None:
            raise UserError(f"the run {name} has logged no model: was it finished?")
    file = next(iter(sorted(fetched.rglob(MODEL))), None)
    if file is None:
        raise UserError(f"{name} holds no {MODEL}: was it trained here, by this version?")
    manifest = stored.fetch(run_id, PHOTOS, place) if run_id else None
    own_out = Path("evaluations") / (run_id or re.sub(r"\W+", "_", name))
    return FoundModel(name, file, out or own_out, run_id, stored.uri, manifest)


def _in_folder(name: str, out: Path | None) -> FoundModel:
    folder = Path(name)
    file = model_path(folder)
    uri = uri_of(load_config(folder)) if (folder / CONFIG).is_file() else ""
    manifest = folder / PHOTOS if (folder / PHOTOS).is_file() else None
    # The marks first: a server that was away while it trained, or has lost the run, gave it an id when it was synced.
    marked = Marks(folder / TRACKING, uri).run_id if uri else None
    run_id = marked or read_result(folder / RESULT).get("mlflow_run_id")
    return FoundModel(name, file, out or folder / EVALUATION, run_id, uri, manifest)


def read_result(path: Path | None) -> dict:
    """`result.json` of a run; empty where there is none.

    Raises:
        UserError: it is damaged.
    """
    if path is None or not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise UserError(f"{path} is damaged: expected the result of a run, as train.py writes it") from None


def load_pipeline(
    model: str | Path | None, resize_mode: ResizeMode | None, upsampling: Upsampling, temperature: float | None,
    tracking: str | None, device: str = "cpu", saturation: float = 1.0,
) -> ColorizationPipeline:  # fmt: skip
    """As `colorize.load`."""
    for name, value in (("resize_mode", resize_mode), ("upsampling", upsampling)):
        if value not in CHOICES[name]:
            expected = " or ".join(choice for choice in CHOICES[name] if choice)
            raise UserError(f"{name}: expected {expected}, received {value!r}")
    check_saturation(saturation)
    with tempfile.TemporaryDirectory(prefix="colorize-model-") as place:
        found = find_model(None if model is None else str(model), tracking, None, Path(place))
        return pipeline_of(found.file, resize_mode, upsampling, temperature, device, saturation)
