"""SHA-256 of each file of a tree; of one whose size and times are as remembered, without reading it."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from colorize.data.remote import PhotoPath, RemotePath, read_each
from colorize.data.scan import Tree

BLOCK = 2**20

REMEMBERED_EVERY = 300.0
"""Seconds after which what is hashed so far is written down: a bucket may take hours, and a process may be killed."""


def hash_files(tree: Tree, memory: Path, advance: Callable[[], None], engine: str = "local") -> None:
    """Gives each file its SHA-256.

    Args:
        memory: file of remembered hashes; written anew where something changed.
        advance: called after each file.
        engine: what reads the files, `local` or `ray`.
    Raises:
        UserError: as `read_each`.
    """
    known = _remembered(memory)
    unknown = []
    for file in tree.files:
        stamp, sha256 = known.get(file.name, (None, ""))
        if not file.problem and stamp != file.stamp:
            unknown.append(file)
            continue
        file.sha256 = "" if file.problem else sha256
        advance()
    written = time.monotonic()
    try:
        for file, found in zip(unknown, _engine(engine)([tree.place_of(file) for file in unknown])):
            if isinstance(found, OSError):
                file.problem = f"cannot be read: {found.strerror}"
            else:
                file.sha256 = found
            advance()
            if time.monotonic() - written > REMEMBERED_EVERY:
                _remember(memory, tree)
                written = time.monotonic()
    finally:
        if unknown:
            _remember(memory, tree)


def _engine(name: str) -> Callable[[list[PhotoPath]], Iterator[str | OSError]]:
    if name == "local":
        return hashes_of
    from colorize.data.ray_engine import hash_with_ray

    return hash_with_ray


def hashes_of(places: list[PhotoPath]) -> Iterator[str | OSError]:
    """SHA-256 of each file, in their order, or why it cannot be read."""
    elsewhere = [place for place in places if isinstance(place, RemotePath)]
    return map(_hash_of, read_each(elsewhere)) if elsewhere else map(_hash_here, map(str, places))


def _hash_of(content: bytes | OSError) -> str | OSError:
    return content if isinstance(content, OSError) else hashlib.sha256(content).hexdigest()


def _hash_here(path: str) -> str | OSError:
    """Of a file of this machine, which is not read whole."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as content:
            while block := content.read(BLOCK):
                digest.update(block)
    except OSError as error:
        return error
    return digest.hexdigest()


def _remembered(memory: Path) -> dict[str, tuple[tuple[int, int, int], str]]:
    known = {}
    try:
        with open(memory, encoding="ascii") as lines:
            for line in lines:
                name, *stamp, sha256 = json.loads(line)
                known[name] = tuple(stamp), sha256
    except (OSError, ValueError, TypeError):
        pass  # none yet, or damaged: what is missing is hashed again
    return known


def _remember(memory: Path, tree: Tree) -> None:
    partial = memory.with_name(f"{memory.name}.{os.getpid()}")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "w", encoding="ascii") as lines:  # JSON escapes any name, also one that is no UTF-8
            for file in tree.files:
                if file.sha256:
                    lines.write(json.dumps([file.name, *file.stamp, file.sha256]) + "\n")
        os.replace(partial, memory)
    except OSError:
        partial.unlink(missing_ok=True)  # a folder that cannot be written, or is full: hashed again next time
