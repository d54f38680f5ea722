"""A prepared set: photos that were decoded ahead of training (`colorize prepare`), in a folder that needs nothing else.

`prepared.json` says what it is, and is written last. `shards/` has the pixels; for each part of the split there are its
rows in them, the SHA-256 of its files, and their names, as arrays that are mapped and not read: a million photos are no
objects of Python. The folder can be moved, copied, and mounted without leave to write.
"""

import errno
import json
import os
import shutil
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from colorize.config.data import FolderData, PreparedData
from colorize.config.registry import builds
from colorize.data.dataset import Dataset, Photos, digest_of, spread
from colorize.data.shards import Shards, open_shards
from colorize.data.split import PARTS, nested_share
from colorize.data.texts import Hashes, Texts
from colorize.errors import UserError

ABOUT, SHARDS, MANIFEST = "prepared.json", "shards", "photos.csv"
VERSION = 1

GROUPS = (*PARTS, "grey")


def save_index(folder: Path, dataset: Dataset, config: FolderData) -> None:
    """Writes all but the shards, which are there; what says that the set is whole comes last."""
    parts = {name: getattr(dataset, name) for name in GROUPS}
    for name, photos in parts.items():
        photos = photos or dataset.train.subset([])
        names, hashes = Texts.of(photos.names), Hashes.of(photos.hashes)
        for kind, array in (
            ("rows", photos.rows), ("hashes", hashes.sums), ("names", names.letters), ("ends", names.ends),
        ):  # fmt: skip
            partial = folder / f".{name}.{kind}.npy"
            np.save(partial, array)
            os.replace(partial, folder / f"{name}.{kind}.npy")  # a training may have the one before mapped
    dataset.manifest.save(folder / MANIFEST)
    about = {
        "version": VERSION, "name": config.label, "digest": dataset.digest,
        "shards": len(dataset.train.stored.shards),
        "prepared": dataset.train.prepared, "size": list(dataset.train.size),
        "photos": {name: len(photos or ()) for name, photos in parts.items()},
        "settings": {key: value for key, value in config.model_dump().items() if key in OF_PREPARING},
    }  # fmt: skip
    partial = folder / f".{ABOUT}"
    partial.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / ABOUT)


OF_PREPARING = (
    "height", "width", "resize_mode", "cache_scale", "val_fraction", "test_fraction", "grey", "min_colorfulness",
    "min_side_pixels", "max_photos", "fraction",
)  # fmt: skip
"""What a set was prepared by."""


def about_prepared(folder: Path) -> dict[str, Any]:
    """What a prepared set says of itself.

    Raises:
        UserError: it is none, or none that is whole.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        if (folder / SHARDS).is_dir():
            raise UserError(
                f"data.root: {folder} is not prepared to its end: give the same `colorize prepare` again"
            ) from None
        root = quote(f"data.root={folder}")
        raise UserError(
            f"data.root: {folder} is no prepared set; make one of photos: python -m colorize prepare {root} --out SET"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"data.root: {folder / ABOUT} cannot be read: {error}") from None
    if about.get("version") != VERSION:
        raise UserError(
            f"data.root: {folder} was prepared in format {about.get('version')}, and {VERSION} is expected: prepare"
            " the photos again"
        )
    return about


@builds(PreparedData)
def read_prepared(config: PreparedData, test: bool, manifest: Path | None = None) -> Dataset:
    """Opens a prepared set.

    Raises:
        UserError: it is none, its photos are too small, or it is damaged.
    """
    if config.root is None:
        raise UserError("data=prepared needs data.root=PATH, a folder that `colorize prepare` has made")
    folder = Path(config.root).expanduser().resolve()
    about = about_prepared(folder)
    resize_mode = about["settings"]["resize_mode"]
    if config.resize_mode != resize_mode:
        raise UserError(f"data.root: the photos in {folder} were prepared with data.resize_mode={resize_mode}: give it")
    size = config.height, config.width
    try:
        stored = open_shards(folder / SHARDS, about["shards"])
        parts = {name: _part(folder, name, stored, about, size) for name in GROUPS}
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) == errno.EMFILE:
            number = about["shards"]
            raise UserError(
                f"data.root: {folder} has {number} shards, more than the files that this process may open: ulimit -n"
                f" {2 * number}"
            ) from None
        raise UserError(f"data.root: {folder} is damaged: {error}; give the command that prepared it again") from None
    rows, columns = stored.shape[1:3]
    if config.height > rows or config.width > columns:
        raise UserError(
            f"data.root: the photos in {folder} have {rows} x {columns} pixels, too few for pictures of"
            f" {config.height} x {config.width}: data.height={rows} data.width={columns}, or prepare them again"
        )
    digest = about["digest"] if size == tuple(about["size"]) else digest_of([about["digest"], repr(size)])
    if config.max_photos is not None:
        parts = {name: _some(photos, config.max_photos, about) for name, photos in parts.items()}
        digest = digest_of([digest, str(config.max_photos)])
    if config.fraction < 1:
        parts["train"] = _share(parts["train"], config.fraction)
        digest = digest_of([digest, *parts["train"].hashes])
    if manifest:
        shutil.copyfile(folder / MANIFEST, manifest)
    train, val, of_test, grey = (parts[name] for name in GROUPS)
    return Dataset(about["name"], str(folder), train, grey, val, of_test if len(of_test) else None, digest)


def _part(folder: Path, name: str, stored: Shards, about: dict, size: tuple[int, int]) -> Photos:
    rows, sums, letters, ends = (
        np.load(folder / f"{name}.{kind}.npy", mmap_mode="r" if about["photos"][name] else None)
        for kind in ("rows", "hashes", "names", "ends")
    )
    return Photos(stored, rows, Texts(letters, ends), Hashes(sums), size, about["prepared"])


def _some(photos: Photos, number: int, about: dict) -> Photos:
    """So many of all, the same share of each part."""
    of_all = sum(about["photos"].values())
    return photos.subset(spread(len(photos), max(len(photos) * number // max(of_all, 1), 1)))


def _share(photos: Photos, fraction: float) -> Photos:
    taken = nested_share(photos.hashes, fraction)
    return photos.subset([number for number, sha256 in enumerate(photos.hashes) if sha256 in taken])
