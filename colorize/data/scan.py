"""Looking through a folder tree: which files are photos, what they weigh in SHA-256, and what else lies there."""

import hashlib
import json
import os
import re
import stat
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from colorize.data.formats import endings

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

BLOCK = 2**20

HIDDEN = "hidden"
"""Kind of the files that other programs leave there."""

EXAMPLES = 3
"""Names that are kept of files of a kind that are no photos."""


@dataclass(slots=True)
class File:
    """A file that may be a photo.

    Attributes:
        name: its path below the root, with `/`.
        stamp: size in bytes, and the times of its last change of content and of state, in nanoseconds.
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
        files: that may be photos, sorted by name.
        ignored: how many others there are, by their ending.
        examples: the first names of each kind of these.
    """

    root: Path
    files: list[File] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    examples: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

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


def hash_files(tree: Tree, memory: Path, advance: Callable[[], None]) -> None:
    """Gives each file its SHA-256; one whose size and times are as remembered is not read again.

    Args:
        memory: file of remembered hashes; written anew where something changed.
        advance: called after each file.
    """
    known = _remembered(memory)
    changed = False
    for file in tree.files:
        if not file.problem:
            stamp, sha256 = known.get(file.name, (None, ""))
            if stamp != file.stamp:
                changed = True
                sha256 = _hash(tree.root / file.name, file)
            file.sha256 = sha256
        advance()
    if changed:
        _remember(memory, tree)


def _hash(path: Path, file: File) -> str:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as content:
            while block := content.read(BLOCK):
                digest.update(block)
    except OSError as error:
        file.problem = f"cannot be read: {error.strerror}"
        return ""
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
