"""Looking through a folder tree, here or elsewhere: which files are photos, and what else lies there."""

import hashlib
import os
import re
import stat
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from colorize.config import urls
from colorize.data.formats import endings
from colorize.data.remote import PhotoPath, RemotePath, list_files

SPLITS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
"""Names of folders, and the part of the split that they stand for."""
SPLIT_FOLDER = re.compile(
    r"([a-z]+?)[-_ ]?(set|data|images|photos)?(?:[-_ ]?\d{4}|[-_ ]\d{2,4}|(?-i:[AB]))?", re.IGNORECASE
)
"""One of these names with what data sets add to it: `train2017` of COCO, `val_256` of Places, `testA`
of CycleGAN, `Test_Images`."""

LARGEST_FILE = 256_000_000
"""Bytes; a file is read whole before it is decoded."""
TOO_LARGE = f"larger than {LARGEST_FILE / 1e6:.0f} MB"

HIDDEN = "hidden"
"""Kind of the files that other programs leave there."""

EXAMPLES = 3
"""Names that are kept of files of a kind that are no photos."""


@dataclass(slots=True)
class File:
    """A file that may be a photo.

    Attributes:
        name: its path below the root, with `/`.
        stamp: size in bytes, and the times of its last change of content and of state, in nanoseconds; elsewhere the
            size, a hash of what its storage says that changes with it, and 0.
        problem: why it cannot be read at all; empty where it can.
    """

    name: str
    stamp: tuple[int, int, int] = (0, 0, 0)
    problem: str = ""
    sha256: str = ""


@dataclass
class Tree:
    """What a folder tree holds.

    Attributes:
        root: folder, or the URL of one elsewhere.
        files: that may be photos, sorted by name.
        ignored: how many others there are, by their ending.
        examples: the first names of each kind of these.
    """

    root: Path | str
    files: list[File] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    examples: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def place_of(self, file: File) -> PhotoPath:
        """Where a file is read."""
        if isinstance(self.root, str):
            return RemotePath(self.root, file.name, file.stamp[0])
        return str(self.root / file.name)

    def below(self, folder: str) -> str:
        """The root of one of its folders alone."""
        return urls.below(self.root, folder) if isinstance(self.root, str) else str(self.root / folder)

    def ignore(self, kind: str, name: str) -> None:
        """Counts a file that is no photo by its name."""
        self.ignored[kind] += 1
        if len(self.examples[kind]) < EXAMPLES:
            self.examples[kind].append(name)

    @property
    def splits(self) -> dict[str, str]:
        """Folder -> part of the split; empty where there is neither a val nor a test folder.

        They lie right below the root, or below the one folder that holds all photos, such as COCO's `images`.
        """
        names = [file.name for file in self.files if not file.problem]
        base = ""
        while True:
            tops = {top for name in names if (top := _folder_below(base, name))}
            found = {base + top: part for top in tops if (part := part_of(top))}
            if {"val", "test"}.intersection(found.values()):
                return found
            if len(tops) != 1 or not all(_folder_below(base, name) for name in names):
                return {}
            base += f"{tops.pop()}/"

    def splits_elsewhere(self) -> list[list[str]]:
        """Folders deeper in the tree, side by side, that are called like a split: those of each such place."""
        places: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for folder in sorted({file.name.rpartition("/")[0] for file in self.files}):
            steps = folder.split("/")
            for depth, step in enumerate(steps):
                if part := part_of(step):
                    places["/".join(steps[:depth])].setdefault(part, "/".join(steps[: depth + 1]))
        return [list(parts.values()) for parts in places.values() if "train" in parts and len(parts) > 1]


def _folder_below(base: str, name: str) -> str:
    """The folder right below `base` in which a file lies; empty where it lies in `base` itself."""
    top, slash, _ = name[len(base) :].partition("/")
    return top if slash else ""


def part_in(splits: dict[str, str], name: str) -> str | None:
    """The part of the split whose folder a file lies in."""
    return next((part for folder, part in splits.items() if name.startswith(f"{folder}/")), None)


def part_of(folder: str) -> str | None:
    """The part of the split that a folder's name stands for; None: it is a name like any other."""
    matched = SPLIT_FOLDER.fullmatch(folder)
    return SPLITS.get(matched[1].lower()) if matched else None


def look_through_url(url: str) -> Tree:
    """Lists a tree elsewhere; hidden files and those in hidden folders are passed over, as in `look_through`."""
    tree = Tree(url)
    for name, about in list_files(url):
        if any(step.startswith(".") and step != "." for step in name.split("/")):
            tree.ignore(HIDDEN, name)
        elif (suffix := os.path.splitext(name)[1].lower()) not in endings():
            tree.ignore(suffix or "no ending", name)
        else:
            tree.files.append(_file_of(name, about))
    tree.files.sort(key=lambda file: file.name)
    return tree


NO_SIGN_OF_CHANGE = {"name", "Key", "type", "size", "Size", "url", "mimetype", "time", "atime"}
"""What a storage says of a file that does not tell whether it has changed; the last two are when it was read."""


def _file_of(name: str, about: dict[str, Any]) -> File:
    size = about.get("size")
    if size is None or size > LARGEST_FILE:
        return File(name, problem="of a size that its storage does not tell" if size is None else TOO_LARGE)
    signs = sorted((key, repr(value)) for key, value in about.items() if key not in NO_SIGN_OF_CHANGE and value)
    signs = signs or [("looked at", str(time.time_ns()))]  # never the same again: it is hashed each time
    known = hashlib.sha256(repr(signs).encode(errors="surrogateescape")).digest()
    return File(name, (size, int.from_bytes(known[:7], "big"), 0))


def look_through(root: Path, without: Path | None = None) -> Tree:
    """Walks a tree, links included, each real folder once, so that a loop of links ends; training and painting alike.

    Links come last: a folder is known by its own name, not by that of a link to it. Hidden files and folders
    (`.name`), which other programs leave there, are passed over, and so is the folder `without`.
    """
    tree = Tree(root)
    seen: set[tuple[int, int]] = set()
    if without is not None and without.is_dir():
        seen.add((without.stat().st_dev, without.stat().st_ino))
    folders: list[str] = [""]
    links: list[str] = []
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        try:
            status = os.stat(root / folder)
            if (status.st_dev, status.st_ino) in seen:
                if part_of(folder.rpartition("/")[2]):
                    tree.files.append(File(folder, problem="a link to a folder that is read under another name"))
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(root / folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)  # so that of two links the same one counts
        except OSError as error:
            tree.files.append(File(folder or ".", problem=f"the folder cannot be read: {error.strerror}"))
            continue
        for entry in reversed(inside):
            name = _sort(entry, folder, tree)
            if name:
                (links if entry.is_symlink() else folders).append(name)
        links.sort()
    tree.files.sort(key=lambda file: file.name)
    return tree


def _sort(entry: os.DirEntry, folder: str, tree: Tree) -> str | None:
    """Puts a file into the tree; returns the name of a folder."""
    name = f"{folder}/{entry.name}" if folder else entry.name
    suffix = os.path.splitext(entry.name)[1].lower()
    if entry.name.startswith("."):
        tree.ignore(HIDDEN, name)
        return None
    try:
        status = entry.stat()
    except OSError as error:
        if suffix in endings():
            dangling = entry.is_symlink() and not os.path.exists(entry.path)
            problem = "a link that leads nowhere" if dangling else f"cannot be read: {error.strerror}"
            tree.files.append(File(name, problem=problem))
        return None
    if stat.S_ISDIR(status.st_mode):
        return name
    if suffix not in endings():
        tree.ignore(suffix or "no ending", name)
    elif not stat.S_ISREG(status.st_mode):
        tree.files.append(File(name, problem="no regular file (a pipe, socket or device)"))
    else:
        tree.files.append(File(name, (status.st_size, status.st_mtime_ns, status.st_ctime_ns)))
    return None
