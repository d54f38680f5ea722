"""Decoded photos in shards: files of about 256 MB, each whole or absent and checked by its sum, read as memory maps.

A shard is `NNNNN.npy`, uint8 (n, H, W, 3), and `NNNNN.jsonl`, written after it: a line about the shard, then one for
each file in it. Which file is in which shard and row follows from the contents alone, whoever decodes it and when.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
from pebble import ProcessPool

from colorize.data.cache import Prepared, check_space, key_of
from colorize.data.decode_pool import Decoded, DecodeJob, Rows, Settings, are_worth_it, decode_all, processes
from colorize.data.remote import PhotoPath

try:
    import resource
except ModuleNotFoundError:  # on Windows
    resource = None  # type: ignore[assignment]

SHARD_BYTES = 2**28

PARTIAL = ".partial."
"""Begins the name of a file under way."""


class Shards:
    """Files of rows of one shape, all but the last equally many, read as if they were one array (M, H, W, 3)."""

    def __init__(self, shards: Sequence[Path]):
        self.shards = shards
        _let_open(len(shards))
        self._arrays = arrays = [np.load(shard, mmap_mode="r") for shard in shards]
        self._each = len(arrays[0])
        self.shape = (sum(map(len, arrays)), *arrays[0].shape[1:])
        self.dtype = arrays[0].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        """One row; or those of a slice or of integers (N,)."""
        if isinstance(rows, slice):
            rows = np.arange(len(self))[rows]
        if np.ndim(rows) == 0:
            return self._arrays[int(rows) // self._each][int(rows) % self._each]
        shard, row = np.divmod(np.asarray(rows), self._each)
        found = np.empty((len(row), *self.shape[1:]), self.dtype)
        for number in np.unique(shard):
            here = shard == number
            found[here] = self._arrays[number][row[here]]
        return found


def _let_open(files: int) -> None:
    """Each map keeps its file open: of a large set more than a process may have open unless it asks."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = soft + files
    if files > soft // 2 and hard != resource.RLIM_INFINITY:
        needed = min(needed, hard)
    if files > soft // 2:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


class Part(NamedTuple):
    """The files of one shard.

    Attributes:
        number: of the shard.
        jobs: in the order of their rows, which begin at 0.
    """

    number: int
    jobs: list[DecodeJob]

    def names(self, folder: Path) -> tuple[Path, Path]:
        """The files of its pixels and of what is known of them."""
        return folder / f"{self.number:05}.npy", folder / f"{self.number:05}.jsonl"


def parts_of(files: Sequence[tuple[PhotoPath, str]], settings: Settings, shard_bytes: int | None = None) -> list[Part]:
    """Divides files, in the order of their contents.

    Args:
        files: place and SHA-256 of each, no content twice.
    """
    each = max(1, (shard_bytes or SHARD_BYTES) // (settings.height * settings.width * 3))
    ordered = sorted(files, key=lambda file: file[1])
    return [
        Part(number, [DecodeJob(path, sha256, row) for row, (path, sha256) in enumerate(ordered[start : start + each])])
        for number, start in enumerate(range(0, len(ordered), each))
    ]


def decode_locally(parts: list[Part], folder: Path, settings: Settings, total_bytes: int) -> Iterator[int]:
    """Makes shards on all cores, one after the other; yields how many files are done."""
    of_all = sum(len(part.jobs) for part in parts)
    with processes() if are_worth_it(total_bytes) else nullcontext() as pool:
        for part in parts:
            yield from make_shard(part, folder, settings, total_bytes * len(part.jobs) // of_all, pool)


def _engine(name: str) -> Callable[[list[Part], Path, Settings, int], Iterator[int]]:
    """What makes shards in a folder: parts, folder, settings, bytes of all files -> how many files are done."""
    if name == "local":
        return decode_locally
    from colorize.data.ray_engine import decode_with_ray

    return decode_with_ray


def prepare_shards(
    files: Sequence[tuple[PhotoPath, str]], settings: Settings, folder: Path, total_bytes: int,
    advance: Callable[[int], object], engine: str = "local",
) -> Prepared:  # fmt: skip
    """Makes the shards of some files, those that are not there whole already.

    Args:
        files, settings: as `parts_of`.
        advance: called with the number of files that are done.
        engine: what decodes, local or ray.
    Raises:
        OSError: the folder cannot be written, or has too little room.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob(f"{PARTIAL}*"):  # of what was killed
        left_over.unlink()
    parts = parts_of(files, settings)
    with ThreadPoolExecutor() as threads:  # which wait for the disk
        missing = [part for part, is_whole in zip(parts, threads.map(lambda p: is_whole_in(p, folder, settings), parts))
                   if not is_whole]  # fmt: skip
    done = len(files) - sum(len(part.jobs) for part in missing)
    advance(done)
    check_space(folder, sum(len(part.jobs) for part in missing) * settings.height * settings.width * 3)
    if missing:
        bytes_left = total_bytes * (len(files) - done) // len(files)
        for number in _engine(engine)(missing, folder, settings, bytes_left):
            advance(number)
    known = chain.from_iterable(_known(part.names(folder)[1])[1] for part in parts)
    return Prepared(open_shards(folder, len(parts)), {each.sha256: (row, each) for row, each in enumerate(known)})


def open_shards(folder: Path, number: int) -> Shards:
    """The pixels of so many shards.

    Raises:
        OSError, ValueError: one is missing or damaged.
    """
    return Shards([folder / f"{shard:05}.npy" for shard in range(number)])


def make_shard(
    part: Part, folder: Path, settings: Settings, total_bytes: int, pool: ProcessPool | None = None
) -> Iterator[int]:
    """Decodes the files of a shard and writes it; yields 1 for each file that is done."""
    pixels, known = part.names(folder)
    partial = folder / f"{PARTIAL}{uuid4().hex}.npy"  # nobody else's, such as that of a node that was taken for dead
    shape = len(part.jobs), settings.height, settings.width, 3
    rows = Rows(str(partial), np.lib.format.open_memmap(partial, "w+", "uint8", shape).offset)
    row_of = {job.sha256: job.row for job in part.jobs}
    decoded: dict[int, Decoded] = {}
    for result in decode_all(part.jobs, settings, rows, total_bytes, pool):
        decoded[row_of[result.sha256]] = result
        yield 1
    _commit(partial, pixels)
    about = {"key": _key(part, settings), "sha256": sum_of(pixels)}
    lines = [about, *(asdict(decoded[row]) for row in range(len(part.jobs)))]
    partial = partial.with_suffix(".jsonl")
    partial.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="ascii")
    _commit(partial, known)


def is_whole_in(part: Part, folder: Path, settings: Settings) -> bool:
    """Whether a shard is there as it was written, and no file in it may be read better next time."""
    pixels, known = part.names(folder)
    try:
        about, decoded = _known(known)
        is_same = about["key"] == _key(part, settings) and not any(each.passing for each in decoded)
        return is_same and len(decoded) == len(part.jobs) and sum_of(pixels) == about["sha256"]
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return False


def sum_of(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _commit(partial: Path, path: Path) -> None:
    """What is written becomes the file, and stays so after a loss of power."""
    with open(partial, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)


def _key(part: Part, settings: Settings) -> str:
    return key_of([job.sha256 for job in part.jobs], settings)


def _known(path: Path) -> tuple[dict, list[Decoded]]:
    with open(path, encoding="ascii") as lines:
        about, *known = map(json.loads, lines)
    return about, [Decoded.of_json(values) for values in known]
