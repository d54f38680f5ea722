"""SHA-256 of each file of a tree; of one whose size and times are as remembered, without reading it."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from colorize.data.remote import RemotePath, read_all
from colorize.data.scan import File, Tree

BLOCK = 2**20

TOGETHER, TOGETHER_BYTES = 64, 2**25
"""Files elsewhere that are read at a time; and bytes of them, where they are not one larger file."""


def hash_files(tree: Tree, memory: Path, advance: Callable[[], None]) -> None:
    """Gives each file its SHA-256.

    Args:
        memory: file of remembered hashes; written anew where something changed.
        advance: called after each file.
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
    for group in _groups(unknown):
        _hash_group(tree, group)
        for _ in group:
            advance()
    if unknown:
        _remember(memory, tree)


def _groups(files: list[File]) -> Iterator[list[File]]:
    group: list[File] = []
    size = 0
    for file in files:
        if group and (len(group) == TOGETHER or size + file.stamp[0] > TOGETHER_BYTES):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.stamp[0]
    if group:
        yield group


def _hash_group(tree: Tree, files: list[File]) -> None:
    places = [tree.place_of(file) for file in files]
    elsewhere = [place for place in places if isinstance(place, RemotePath)]
    found = map(_hash_of, read_all(elsewhere)) if elsewhere else map(_hash_here, map(str, places))
    for file, sha256 in zip(files, found):
        if isinstance(sha256, OSError):
            file.problem = f"cannot be read: {sha256.strerror}"
        else:
            file.sha256 = sha256


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
