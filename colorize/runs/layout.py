"""The output folder of a run: the names of what is in it, and its configuration. Keras is not needed to look."""

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote

from filelock import FileLock, Timeout

from colorize.config import urls
from colorize.config.base import TRAIN
from colorize.config.schema import Config, dump, load
from colorize.config.training import MlflowTracking, Trainer
from colorize.errors import UserError
from colorize.runs.atomic import write_whole
from colorize.runs.model_file import MODEL, PRETRAINED, init_path, read_config

CONFIG = "config.yaml"
LAST = "last.safetensors"
RESULT = "result.json"
GRIDS = "comparison_grids"
CONTACT_SHEET = "contact_sheet.png"
SHAPES = "shapes.txt"
DEPENDENCY_MAP = "dependency_map.png"
PHOTOS = "photos.csv"
HISTORY = "history.csv"
EVALUATION = "evaluation"
CHECKPOINTS = "checkpoints"
TRACKING = "tracking"
PROFILE = "profile"
LOCK = ".lock"
HYDRAS = ".hydra"


def save_config(config: Config, folder: Path) -> None:
    """Writes the resolved configuration, from which the network can be built again."""
    text = dump(config).encode()
    if not (folder / CONFIG).exists() or (folder / CONFIG).read_bytes() != text:
        write_whole(folder / CONFIG, text)


class InUse(UserError):
    """Another process trains into the folder."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Within the context no other process trains into the folder; a process that dies releases it.

    Raises:
        InUse: another one does.
        UserError: the folder cannot be written.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:  # which is an OSError too
        raise InUse(
            f"hydra.run.dir: another process is training into {folder}; wait for it, or choose another folder"
        ) from None
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror or error}") from None
    try:
        yield
    finally:
        lock.release()


def is_in_use(folder: Path) -> bool:
    """Whether another process trains into the folder now."""
    try:
        with locked(folder):
            return False
    except InUse:
        return True
    except UserError:  # nobody can train there
        return False


def is_finished(folder: Path, trainer: Trainer) -> bool:
    """Whether the run in a folder has its result, after all of its epochs or where its patience was over."""
    result = _result_in(folder)
    if result is None:
        return False
    is_out_of_patience = trainer.patience and result["epochs"] - result["best_epoch"] >= trainer.patience
    return bool(result["epochs"] >= trainer.epochs or is_out_of_patience)


def is_over(folder: Path, trainer: Trainer) -> bool:
    """Whether the run in a folder is finished, or has its result and no minutes left."""
    result = _result_in(folder)
    has_no_minutes = result and trainer.max_minutes and result["seconds"] >= 60 * trainer.max_minutes
    return bool(has_no_minutes) or is_finished(folder, trainer)


def _result_in(folder: Path) -> dict[str, float] | None:
    """What decides whether a run is finished; None where there is no result, or half: who goes on writes it anew."""
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        return {name: float(result[name]) for name in ("epochs", "best_epoch", "seconds")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


NO_TEXTS = ("true", "false", "null", "nan", "inf")
"""Words that Hydra reads as something else, as it does numbers."""


def as_override(key: str, path: Path | str) -> str:
    """`KEY=PATH` as Hydra reads it, whatever is in the path."""
    text = str(path)
    if not re.fullmatch(r"/?[a-z_][\w./-]*", text, re.ASCII | re.IGNORECASE) or text.lower() in NO_TEXTS:
        text = re.sub(r"(\\+)(?='|$)", r"\1\1", text)  # to Hydra a backslash is one, but before a quote
        text = "'" + text.replace("'", "\\'") + "'"
    return f"{key}={text}"


def resume_command(folder: Path) -> str:
    """The command by which the run in a folder goes on, as it is pasted into a shell."""
    return f"{TRAIN} {quote(as_override('resume', folder))}"


def way_on(folder: Path) -> str:
    """How to go on with a run that could no longer be written, by what of it was kept."""
    try:
        kept = [name for name in os.listdir(folder / CHECKPOINTS) if name.endswith(".safetensors")]
    except FileNotFoundError:
        kept = []
    except OSError:  # it cannot even be looked at
        return f"go on from the last checkpoint, if one was kept: {resume_command(folder)}"
    if kept:
        return f"go on from the last checkpoint: {resume_command(folder)}"
    if os.path.exists(folder / LAST):
        return f"begin a new run with its last weights: {TRAIN} {quote(as_override('init', folder / LAST))}"
    return "begin again: nothing of it could be kept"


def check_unused(folder: Path) -> None:
    """Refuses to train into the folder of another run: its weights would be taken for those of this one.

    Raises:
        UserError: something that a run leaves is there.
    """
    found = [name for name in (RESULT, MODEL, LAST, CHECKPOINTS) if (folder / name).exists()]
    if found:
        raise UserError(
            f"hydra.run.dir: {folder} holds {found[0]} of another run, which is kept; choose another folder, or go on"
            f" with that run: {resume_command(folder)}"
        )
    if (folder / TRACKING).exists():  # of a run that ended before its first step: its journal is not ours
        os.replace(folder / TRACKING, folder / f"{TRACKING}.{time.time_ns()}")


def private_copy(folder: Path) -> Path:
    """A temporary folder with what a run needs to go on: for processes that train along."""
    own = Path(tempfile.mkdtemp(prefix="colorize-"))
    for name in (CONFIG, LAST, PHOTOS, HISTORY):
        if (folder / name).is_file():
            shutil.copy(folder / name, own)
    if (folder / CHECKPOINTS).is_dir():
        shutil.copytree(folder / CHECKPOINTS, own / CHECKPOINTS)
    return own


def remove_if_unused(folder: Path) -> None:
    """Removes the output folder of a run that was refused: nothing is in it but what was noted before it began."""
    with suppress(OSError):  # it may not even be looked at
        if {path.name for path in folder.iterdir()} <= {HYDRAS, LOCK}:
            shutil.rmtree(folder)


def check_init(init: str | None) -> None:
    """Refuses to begin with the weights of a run that is not there.

    Raises:
        UserError: `init` names no trained model.
    """
    if init is None:
        return
    try:
        read_config(init_path(init))
    except UserError as error:
        raise UserError(f"init: {error}") from None


PATHS = (
    ("data", "root"), ("data", "cache"), ("encoder", "weights"), ("backbone", "weights"),
    ("evaluation", "lpips_weights"), ("evaluation", "inception_weights"),
)  # fmt: skip
"""Of a configuration: what may be a file or a folder."""
NAMES = ("imagenet", "none", PRETRAINED)
"""What may stand there and is no path, whatever lies in the working folder."""


def with_whole_paths(config: Config) -> Config:
    """The configuration whose relative paths are those of the working folder, so that they hold in any other."""
    changes: dict[str, dict[str, str]] = {}
    for section, name in PATHS:
        value = getattr(getattr(config, section), name, None)
        if value and value not in NAMES:
            changes.setdefault(section, {})[name] = _whole(value)
    update: dict[str, object] = {key: getattr(config, key).model_copy(update=own) for key, own in changes.items()}
    if config.init and config.init not in NAMES:
        update["init"] = _whole(config.init)
    return config.model_copy(update=update)


def _whole(path: str) -> str:
    if urls.is_url(path):
        return urls.with_whole_path(path)
    return str(Path(path).expanduser().absolute())


def load_config(folder: Path) -> Config:
    """The configuration that a run stored, finished or not; without its database where that was moved elsewhere."""
    config = load(folder / CONFIG)
    tracking = config.tracking
    if isinstance(tracking, MlflowTracking) and tracking.is_left_behind:
        config = config.model_copy(update={"tracking": tracking.model_copy(update={"uri": None})})
    return config
