"""Decoding photos ahead of training, into a prepared set."""

import shutil
from pathlib import Path

from filelock import FileLock

from colorize.config.data import FolderData
from colorize.data.cache import Prepared
from colorize.data.dataset import Dataset
from colorize.data.folder import read_with
from colorize.data.prepared import ABOUT, GROUPS, MANIFEST, SHARDS, save_index
from colorize.data.shards import prepare_shards
from colorize.errors import UserError

LOCK = ".lock"


def prepare_set(config: FolderData, out: Path) -> Dataset:
    """Makes a prepared set of a folder of photos, or goes on with one that was not finished.

    Args:
        out: its folder; shards that are there whole already stay.
    Raises:
        UserError: the folder holds something else, or cannot be written; or as `read_folder`.
    """
    was_there = out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        _check_ours(out)
        with FileLock(out / LOCK):
            return _prepare(config, out)
    except UserError:
        if not was_there and not (out / SHARDS).exists():
            shutil.rmtree(out, ignore_errors=True)
        raise
    except OSError as error:
        raise UserError(f"--out: {out} cannot be written: {error.strerror or error}; what is done stays, so make space"
                        " or give leave, and give the same command again") from None  # fmt: skip


def _check_ours(out: Path) -> None:
    ours = {ABOUT, SHARDS, MANIFEST, LOCK.removeprefix(".")}
    ours |= {f"{name}.{kind}.npy" for name in GROUPS for kind in ("rows", "hashes", "names", "ends")}
    others = sorted(path.name for path in out.iterdir() if path.name.removeprefix(".") not in ours)
    if others:
        raise UserError(f"--out: {out} holds {others[0]}, which is none of a prepared set; choose another folder")


def _prepare(config: FolderData, out: Path) -> Dataset:
    (out / ABOUT).unlink(missing_ok=True)  # whole again when it is written again

    def decode(files, settings, total_bytes, advance) -> Prepared:
        return prepare_shards(files, settings, out / SHARDS, total_bytes, advance, config.engine)

    dataset = read_with(config, out / MANIFEST, decode, config.engine)
    save_index(out, dataset, config)
    return dataset
