"""Writing files that are whole or not there, whatever happens meanwhile."""

import errno
import hashlib
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

PARTIAL = ".partial."
"""Begins the name of a file under way."""

LONGEST_NAME = 255
"""Bytes of a name, on most file systems."""

CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
"""A full disk, in its several words, and a folder that may not be written."""


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file under another name, syncs it to the disk, and renames it.

    After a kill or a loss of power at any moment there is the old file or the new one; perhaps a file whose name begins
    with `PARTIAL` besides.

    Raises:
        OSError: the disk is full, or the folder cannot be written; the old file is there.
    """
    partial = partial_of(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        partial.write_bytes(data)
        commit(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def partial_of(path: Path) -> Path:
    """The name under which a file is written before it is whole; no longer than a file system allows."""
    name = path.name
    if len(os.fsencode(PARTIAL + name)) > LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest() + path.suffix[:20]  # by which formats are chosen
    return path.with_name(f"{PARTIAL}{name}")


def with_ending(name: str, ending: str) -> str:
    """A file name with more behind it; a name that is too long for both is cut, and told apart by a few digits."""
    if len(os.fsencode(name + ending)) <= LONGEST_NAME:
        return name + ending
    digits = "~" + hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
    room = LONGEST_NAME - len(os.fsencode(digits + ending))
    while len(os.fsencode(name)) > room:
        name = name[:-1]
    return name + digits + ending


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields the place to write a file to, which takes its name when it is whole; nothing is left of one that is not.

    Without waiting for the disk: for what can be made again. Else `write_whole`.
    """
    partial = partial_of(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def commit(partial: Path, path: Path) -> None:
    """Syncs a file that is whole now, and gives it its name."""
    with open(partial, "rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)
    if hasattr(os, "O_DIRECTORY"):  # until the folder is synced, a loss of power may undo the renaming
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class WriteErrors:
    """Errors of writes that may fail while a run goes on: a full disk, a folder that became read-only.

    Attributes:
        in_a_row: failures since the last success, by what was written.
        last: what the last one was, by what was written.
    """

    def __init__(self) -> None:
        self.in_a_row: Counter[str] = Counter()
        self.last: dict[str, OSError] = {}

    @contextmanager
    def tolerate(self, what: str) -> Iterator[None]:
        """Within the context an `OSError` is reported, where it is the first in a row, and counted."""
        try:
            yield
            self.in_a_row[what] = 0
        except OSError as error:
            self.in_a_row[what] += 1
            self.last[what] = error
            if self.in_a_row[what] == 1:
                reason = error.strerror or error
                print(f"{what} could not be written: {reason}. Training goes on; it is tried again", file=sys.stderr)


def difference(arrays: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> str | None:
    """In what the names, shapes or types of arrays differ from the expected, in one line; None where they do not."""
    for name in sorted(arrays.keys() ^ expected.keys()):
        return f"{name} is {'not expected' if name in arrays else 'missing'}"
    for name, array in arrays.items():
        found, wanted = [f"{a.dtype} {a.shape}" for a in (array, expected[name])]
        if found != wanted:
            return f"{name} is {found}, expected {wanted}"
    return None
