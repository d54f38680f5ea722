"""The output folder of a run: the names of what is in it, and its configuration. Keras is not needed to look."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from colorize.config import LOWEST_TEMPERATURE, BinsHead, Config, dump, load
from colorize.errors import UserError

CONFIG = "config.yaml"
BEST = "best.weights.h5"
LAST = "last.weights.h5"
RESULT = "result.json"
STRIPS = "strips"
SHAPES = "shapes.txt"
DEPENDENCY_MAP = "dependency_map.png"
PHOTOS = "photos.csv"
HISTORY = "history.csv"
BINS = "bins.csv"
EVALUATION = "evaluation"
CHECKPOINTS = "checkpoints"
TRACKING = "tracking"
LOCK = ".lock"


def save_config(config: Config, folder: Path) -> None:
    """Writes the resolved configuration, from which the network can be built again."""
    (folder / CONFIG).write_text(dump(config))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Within the context no other process trains into the folder; a process that dies gives it free.

    Raises:
        UserError: another one does.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"hydra.run.dir: another process is training into {folder}; wait for it, or choose another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()


def is_in_use(folder: Path) -> bool:
    """Whether another process trains into the folder now."""
    try:
        with locked(folder):
            return False
    except UserError:
        return True


def check_unused(folder: Path) -> None:
    """Refuses to train into the folder of another run: its weights would be taken for those of this one.

    Raises:
        UserError: something that a run leaves is there.
    """
    found = [name for name in (RESULT, BEST, LAST, CHECKPOINTS) if (folder / name).exists()]
    if found:
        raise UserError(
            f"hydra.run.dir: {folder} holds {found[0]} of another run, which is kept; choose another folder, or go on"
            f" with that run: resume={folder}"
        )


def read_config(folder: Path) -> Config:
    """The configuration of a finished run.

    Raises:
        UserError: the folder is missing, or no run was kept there.
    """
    missing = [name for name in (CONFIG, BEST) if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"{folder} is no trained model: {' and '.join(missing)} not found there; expected the output folder of"
            " a finished `python train.py`"
        )
    return load_config(folder)


def load_config(folder: Path) -> Config:
    """The configuration that a run stored, finished or not."""
    return load(folder / CONFIG)


def with_temperature(config: Config, temperature: float | None) -> Config:
    """The configuration of a model with another temperature of its annealed mean; None leaves it.

    Raises:
        UserError: the head has none, or it is not between the lowest and 1.
    """
    if temperature is None:
        return config
    if not isinstance(config.head, BinsHead):
        raise UserError(f"--temperature: this model has head={config.head.name}, which has none; only head=bins does")
    if not LOWEST_TEMPERATURE <= temperature <= 1:
        raise UserError(f"--temperature: expected {LOWEST_TEMPERATURE} to 1, received {temperature:g}")
    return config.model_copy(update={"head": config.head.model_copy(update={"temperature": temperature})})


def changed_temperature(config: Config, trained: Config) -> float | None:
    """The temperature of a configuration where it is another one than in training, else None."""
    if not isinstance(config.head, BinsHead) or config.head.temperature == trained.head.temperature:
        return None
    return config.head.temperature
