"""Finding a trained model: an output folder, a run of MLflow, a registered model, or the newest run."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from colorize.config import Config
from colorize.errors import UserError
from colorize.run_folder import BEST, CONFIG, EVALUATION, PHOTOS, RESULT, TRACKING, read_config
from colorize.tracking.marks import Marks
from colorize.tracking.place import uri_of

RUN_ID = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True)
class FoundModel:
    """A trained model and where it came from.

    Attributes:
        name: as it was asked for.
        folder: holds its configuration and its best weights.
        out: folder that evaluations of it go into.
        run_id, tracking_uri: the run that it was trained in, where MLflow knows it.
        data_digest: of the photos that it was trained with; None where that is not known.
        manifest: `photos.csv` of its training, where there is one.
    """

    name: str
    folder: Path
    out: Path
    run_id: str | None
    tracking_uri: str | None
    data_digest: str | None
    manifest: Path | None

    @property
    def comparable(self) -> str:
        """What `compare` is told to find it, quoted for a shell."""
        return quote(self.name) if Path(self.name).is_dir() else f"{self.run_id} --tracking {quote(self.tracking_uri)}"

    @property
    def config(self) -> Config:
        """Its configuration."""
        return read_config(self.folder)


PLACES = (f"outputs/*/{RESULT}", f"multirun/*/*/{RESULT}")
"""Where runs lie below the folder in which they were started."""


def newest_run(place: Path) -> Path:
    """The output folder of the run that finished last, of those that were started in a folder.

    Raises:
        UserError: none was.
    """
    finished = [path for pattern in PLACES for path in place.glob(pattern) if (path.parent / BEST).is_file()]
    if not finished:
        raise UserError(
            f"there is no finished run in outputs/ or multirun/ below {place}: train one with `python train.py`, or say"
            " which model: --model OUTPUT_FOLDER, RUN_ID or models:/NAME@ALIAS"
        )
    return max(finished, key=lambda path: path.stat().st_mtime).parent


def find_model(name: str, tracking_uri: str | None, out: Path | None, place: Path) -> FoundModel:
    """Finds a model.

    Args:
        name: an output folder, a run id, or `models:/NAME/VERSION` or `models:/NAME@ALIAS`.
        tracking_uri: where runs and registered models are looked for; None: as `StoredRuns`.
        out: folder for evaluations; None: beside the model, or `evaluations/RUN`.
        place: folder that files are fetched into.
    Raises:
        UserError: there is no such model.
    """
    if Path(name).is_dir():
        return _in_folder(name, out)
    if not RUN_ID.fullmatch(name) and not name.startswith("models:/"):
        raise UserError(
            f"{name} is no model: there is no such folder, and it is no run id (32 hexadecimal digits) and no"
            " models:/NAME/VERSION or models:/NAME@ALIAS"
        )
    from colorize.tracking.stored import StoredRuns

    stored = StoredRuns(tracking_uri)
    if name.startswith("models:/"):
        fetched, run_id = stored.fetch_registered(name, place)
        folder = _with_weights(fetched, name)
    else:
        run_id = stored.find(name).info.run_id
        fetched = stored.fetch_model(run_id, place)
        if fetched is None:
            raise UserError(f"the run {name} has logged no model: was it finished?")
        folder = _with_weights(fetched, name)
    result = stored.fetch(run_id, RESULT, place) if run_id else None
    manifest = stored.fetch(run_id, PHOTOS, place) if run_id else None
    own_out = Path("evaluations") / (run_id or re.sub(r"\W+", "_", name))
    return FoundModel(
        name, folder, out or own_out, run_id, stored.uri, read_result(result).get("data_digest"), manifest
    )


def _in_folder(name: str, out: Path | None) -> FoundModel:
    folder = Path(name)
    config, result = read_config(folder), read_result(folder / RESULT)
    manifest = folder / PHOTOS if (folder / PHOTOS).is_file() else None
    digest, uri = result.get("data_digest"), uri_of(config)
    # The marks first: a server that was away while it trained, or has lost the run, gave it an id when it was synced.
    run_id = (Marks(folder / TRACKING, uri).run_id if uri else None) or result.get("mlflow_run_id")
    return FoundModel(name, folder, out or folder / EVALUATION, run_id, uri, digest, manifest)


def read_result(path: Path | None) -> dict:
    """`result.json` of a run; empty where there is none.

    Raises:
        UserError: it is damaged.
    """
    if path is None or not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text()))
    except (ValueError, TypeError):
        raise UserError(f"{path} is damaged: expected the result of a run, as train.py writes it") from None


def _with_weights(fetched: Path, name: str) -> Path:
    for config in sorted(fetched.rglob(CONFIG)):
        if (config.parent / BEST).is_file():
            return config.parent
    raise UserError(f"{name} holds no {CONFIG} with {BEST} beside it: was it trained here?")
