"""CIFAR-10 (Krizhevsky 2009) in its binary version: files without pickle, 3073 bytes a picture.

Each record is a label byte and 1024 bytes each of red, green and blue, row by row
(https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version").
"""

import contextlib
import hashlib
import io
import os
from pathlib import Path

import numpy as np

from colorize.arrays import PhotosInMemory
from colorize.config.data import CifarData
from colorize.config.registry import builds
from colorize.data.dataset import Dataset, Photos, digest_of, spread
from colorize.data.monochrome import tone_of
from colorize.data.split import by_content, nested_share
from colorize.errors import UserError

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
FOLDER = "cifar-10-batches-bin"
TRAIN = [f"data_batch_{number}.bin" for number in range(1, 6)]
TEST = ["test_batch.bin"]
SIDE, RECORD, PICTURES = 32, 3073, 10_000


@builds(CifarData)
def read_cifar10(config: CifarData, test: bool, manifest: Path | None = None) -> Dataset:
    """Reads the five training files, and the test file where it is wanted.

    Raises:
        UserError: files are missing and cannot be fetched, or have another size than they should.
    """
    folder = _find(config, TRAIN + TEST if test else TRAIN)
    stored = _read(folder, TRAIN, config.max_photos)
    hashes = [hashlib.sha256(picture).hexdigest() for picture in stored]
    parts = np.array([by_content(sha256, config.val_fraction) for sha256 in hashes])
    dropped = (parts == "train") & _without_colours(stored, config)
    everything = _photos(stored, hashes, "train", config)
    train = (parts == "train") & ~dropped
    taken = nested_share([hashes[i] for i in np.flatnonzero(train)], config.fraction)
    groups = {
        "train": everything.subset(train & np.array([sha256 in taken for sha256 in hashes])),
        "grey": everything.subset(dropped),
        "val": everything.subset(parts == "val"),
    }
    hashes = [text for name, photos in groups.items() for text in (name, *photos.hashes)]
    digest = digest_of([repr((config.height, config.width)), *hashes])
    of_test = _test(folder, config) if test else None
    return Dataset("cifar10", str(folder), groups["train"], groups["grey"], groups["val"], test=of_test, digest=digest)


def _test(folder: Path, config: CifarData) -> Photos:
    stored = _read(folder, TEST, config.max_photos)
    return _photos(stored, [hashlib.sha256(picture).hexdigest() for picture in stored], "test", config)


def _photos(stored: PhotosInMemory, hashes: list[str], name: str, config: CifarData) -> Photos:
    names = tuple(f"{name}/{number:05}" for number in range(len(stored)))
    return Photos(stored, np.arange(len(stored)), names, tuple(hashes), (config.height, config.width))


def _read(folder: Path, names: list[str], number: int | None) -> PhotosInMemory:
    """uint8 (N, 32, 32, 3); at most so many of them."""
    parts = []
    for name in names:
        records = np.fromfile(folder / name, "uint8")
        if records.size != PICTURES * RECORD:
            raise UserError(
                f"{folder / name} is no file of CIFAR-10: expected {PICTURES * RECORD:,} bytes, found"
                f" {records.size:,}; unpack {URL} again"
            )
        planes = records.reshape(-1, RECORD)[:, 1:].reshape(-1, 3, SIDE, SIDE)
        parts.append(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)))
    pixels = np.concatenate(parts)
    return pixels if number is None else pixels[spread(len(pixels), number)]


def _without_colours(stored: PhotosInMemory, config: CifarData) -> np.ndarray:
    """bool (N,): which photos `data.grey` leaves out of training."""
    grey = (stored == stored[..., :1]).all(axis=(1, 2, 3)) & (config.grey != "keep")
    if config.grey == "drop":
        lowest = config.min_colorfulness
        grey |= np.array([bool(tone_of(picture).without_colours(lowest)) for picture in stored])
    return grey


def _find(config: CifarData, needed: list[str]) -> Path:
    if config.root is None:
        return _fetched()
    root = Path(config.root).expanduser().resolve()
    for folder in (root, root / FOLDER):
        if all((folder / name).is_file() for name in needed):
            return folder
    missing = [name for name in needed if not (root / name).is_file()]
    raise UserError(f"data.root: {', '.join(missing)} not found in {root} or {root / FOLDER}; {_what_to_do(root)}")


def _what_to_do(root: Path) -> str:
    return (
        f"put {TRAIN[0]} to {TRAIN[-1]} and {TEST[0]} there, which are in {URL.rpartition('/')[2]} ({URL}), and give"
        f" data.root={root}"
    )


def _fetched() -> Path:
    """The folder into which Keras unpacks the archive, after fetching it where it is not there yet."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    try:
        print(f"CIFAR-10: looking for it in Keras's folder, else fetching 163 MB from {URL}", flush=True)
        with contextlib.redirect_stdout(io.StringIO()):
            place = keras.utils.get_file(origin=URL, file_hash=SHA256, extract=True)
    except Exception as error:  # urllib, the archive, the check of its hash: Keras has no class of its own for them
        reason = str(error).strip().splitlines()[0]
        there = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "datasets" / FOLDER
        offline = f"Without a network, {_what_to_do(there)}"
        raise UserError(f"data=cifar10 could not be fetched: {reason}. {offline}") from None
    found = [path.parent for path in Path(place).rglob(TRAIN[0])]
    if not found:
        raise UserError(f"{place} holds no {TRAIN[0]}: remove it, it will be fetched again")
    return found[0]
