"""Prepared photos on disk: uint8 rows in a memory map, keyed by the content of the files and the settings.

An entry is a folder `<key>/` with `pixels.npy` (M, H, W, 3) and `photos.jsonl`, a line per file in the same order. It
is made under another name and renamed when it is whole; a lock lets the second of two runs wait for the first.
"""

import atexit
import errno
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from filelock import FileLock, Timeout

from colorize.arrays import StoredPhotos
from colorize.data.decode_pool import Decoded, DecodeJob, Rows, Settings, decode_all
from colorize.data.remote import PhotoPath
from colorize.environment import cache_folder
from colorize.errors import UserError

T = TypeVar("T")

VERSION = 3
"""To be raised when the same file and settings give other pixels, or when more is to be known of them."""

PIXELS, PHOTOS = "pixels.npy", "photos.jsonl"


@dataclass(frozen=True)
class Prepared:
    """An entry: what became of each file, and its pixels.

    Attributes:
        pixels: uint8 (M, H, W, 3), a read-only memory map; rows of rejected files are empty.
        decoded: SHA-256 of the file -> (row, what became of it).
    """

    pixels: StoredPhotos
    decoded: dict[str, tuple[int, Decoded]]


def folder_of_cache(configured: str | None) -> Path:
    """Where prepared photos are kept."""
    if configured:
        return Path(configured).expanduser().resolve()
    return cache_folder()


def key_of(hashes: list[str], settings: Settings) -> str:
    """The name of an entry: the same for the same contents and settings, whatever the folder and its order."""
    text = "\n".join([str(VERSION), repr(settings), *sorted(hashes)])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def in_cache(cache: Path, what: str, make: Callable[[Path], T], instead: str = "") -> T:
    """What `make` returns, given the cache, or, where that fails, a temporary folder that takes its place for this run.

    A cache that cannot be written is no reason not to train.

    Args:
        what: is to be kept, in words.
        make: writes it into a folder.
        instead: another way out, for the message.
    Raises:
        UserError: neither can be written, or both disks are too small.
    """
    try:
        return make(cache)
    except OSError as error:
        message = f"{what} cannot be kept in {cache}: {error.strerror or error}"
    try:
        temporary = Path(tempfile.mkdtemp(prefix="colorize-"))
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        print(f"{message}; {temporary} takes its place for this run", file=sys.stderr)
        return make(temporary)
    except OSError as error:
        raise UserError(
            f"{message}; nor in a temporary folder: {error.strerror or error}. Make space, or name another folder:"
            f" data.cache=PATH where the data has it, else XDG_CACHE_HOME=PATH in the environment{instead}"
        ) from None


def check_space(folder: Path, needed: int) -> None:
    """Looks whether so many bytes are free.

    Raises:
        OSError: they are not.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(f"they need {needed / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free")


def prepare(
    files: list[tuple[PhotoPath, str]],
    settings: Settings,
    cache: Path,
    total_bytes: int,
    advance: Callable[[int], None],
) -> Prepared:
    """Opens the entry of these files, making it first where there is none.

    Args:
        files: place and SHA-256 of each, no content twice.
        advance: called with the number of files that are done.
    Raises:
        UserError: as `in_cache`.
    """
    return in_cache(cache, "prepared photos", lambda folder: _prepare_in(folder, files, settings, total_bytes, advance))


def _prepare_in(
    cache: Path, files: list[tuple[PhotoPath, str]], settings: Settings, total_bytes: int, advance
) -> Prepared:
    jobs = [DecodeJob(path, sha256, row) for row, (path, sha256) in enumerate(sorted(files, key=lambda file: file[1]))]
    entry = cache / "photos" / key_of([job.sha256 for job in jobs], settings)
    found = _open(entry, len(jobs), settings)
    if found:
        advance(len(jobs))
        return found
    entry.parent.mkdir(parents=True, exist_ok=True)
    with _locked(entry):
        return _open(entry, len(jobs), settings) or _make(entry, jobs, settings, total_bytes, advance)


@contextmanager
def _locked(entry: Path) -> Iterator[None]:
    lock = FileLock(entry.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("another run is preparing these photos: waiting for it", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _make(entry: Path, jobs: list[DecodeJob], settings: Settings, total_bytes: int, advance) -> Prepared:
    for left_over in entry.parent.glob(f"{entry.name}.partial*"):  # of a run that was killed: we hold the lock
        shutil.rmtree(left_over)
    partial = entry.with_name(f"{entry.name}.partial{os.getpid()}")
    partial.mkdir()
    try:
        check_space(partial, len(jobs) * settings.height * settings.width * 3)
        is_final = _fill(partial, jobs, settings, total_bytes, advance)
        prepared = _open(partial, len(jobs), settings)  # the map stays good, whatever becomes of the name
        if prepared is None:
            raise OSError(errno.EIO, "what was written there cannot be read back", str(partial))
        if is_final:
            if entry.exists():  # damaged, or it would have been opened
                shutil.rmtree(entry)
            os.rename(partial, entry)
        return prepared
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _fill(folder: Path, jobs: list[DecodeJob], settings: Settings, total_bytes: int, advance) -> bool:
    """Writes an entry; returns whether it may be kept, as every file would be evaluated the same next time."""
    row_of = {job.sha256: job.row for job in jobs}
    shape = len(jobs), settings.height, settings.width, 3
    rows = Rows(str(folder / PIXELS), np.lib.format.open_memmap(folder / PIXELS, "w+", "uint8", shape).offset)
    decoded: dict[int, Decoded] = {}
    for result in decode_all(jobs, settings, rows, total_bytes):
        decoded[row_of[result.sha256]] = result
        advance(1)
    with open(folder / PIXELS, "r+b") as file:
        _sync(file)
    with open(folder / PHOTOS, "w", encoding="ascii") as lines:
        lines.writelines(json.dumps(asdict(decoded[row])) + "\n" for row in range(len(jobs)))
        _sync(lines)
    return not any(result.passing for result in decoded.values())


def _sync(file) -> None:
    file.flush()
    os.fsync(file.fileno())


def _open(entry: Path, files: int, settings: Settings) -> Prepared | None:
    """The entry where it is whole, else None."""
    try:
        pixels = np.load(entry / PIXELS, mmap_mode="r")
        with open(entry / PHOTOS, encoding="ascii") as lines:
            found = [json.loads(line) for line in lines]
        decoded = [Decoded.of_json(values) for values in found]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if pixels.shape != (files, settings.height, settings.width, 3) or len(decoded) != files:
        return None
    return Prepared(pixels, {result.sha256: (row, result) for row, result in enumerate(decoded)})
