"""Where photos come from, and which of them training never sees."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from shlex import quote

import numpy as np

from colorize.config import urls
from colorize.config.base import SAMPLE
from colorize.config.data import FolderData, SampleData
from colorize.config.registry import builds
from colorize.console import progress
from colorize.data import manifest
from colorize.data.cache import Prepared, folder_of_cache, prepare
from colorize.data.dataset import Dataset, Photos, digest_of, spread
from colorize.data.decode_pool import Decoded, Settings
from colorize.data.formats import endings
from colorize.data.hashes import hash_files
from colorize.data.manifest import ACROSS, FileRecord, Manifest
from colorize.data.monochrome import EXACTLY_GREY
from colorize.data.remote import PhotoPath, how_to_unzip
from colorize.data.scan import File, Tree, look_through, look_through_url, part_in
from colorize.data.split import PARTS, PRIORITY, by_content, nested_share
from colorize.errors import UserError, printable

LISTED = 40
"""Rejected files that an error lists; the manifest has all."""


Decode = Callable[[list[tuple[PhotoPath, str]], Settings, int, Callable[..., None]], Prepared]
"""Decodes files: place and SHA-256 of each, settings, bytes of all, and what is called as they are done."""


@builds(FolderData, SampleData)
def read_folder(config: FolderData, test: bool, manifest: Path | None) -> Dataset:
    """Reads, hashes and prepares the photos of a folder tree; its test part comes with the others, wanted or not."""
    cache = folder_of_cache(config.cache)
    return read_with(config, manifest, lambda files, *given: prepare(files, given[0], cache, *given[1:]))


def read_with(config: FolderData, manifest: Path | None, decode: Decode, engine: str = "local") -> Dataset:
    """As `read_folder`, whose photos are decoded as one likes, and hashed by `local` or `ray`."""
    tree = _tree(config)
    if not tree.files:
        found = ", ".join(f"{number} {kind}" for kind, number in tree.ignored.most_common(8)) or "nothing"
        expected = ", ".join(sorted(endings()))
        raise UserError(f"data.root: no photo in {tree.root}; expected files that end in {expected}; found: {found}")
    tree.files = _some(tree, config.max_photos)
    _hash(tree, folder_of_cache(config.cache), engine)
    folder = _Folder(config, tree)
    folder.keep_one_of_each("sha256")
    folder.decode(decode)
    folder.keep_one_of_each("pixels_sha256")
    folder.finish()
    if manifest:
        folder.manifest.save(manifest)
    folder.check_rejected(manifest)
    return folder.dataset()


def _tree(config: FolderData) -> Tree:
    if config.root is None and config.name == "folder":
        raise UserError("data=folder needs data.root=PATH, a folder of photos")
    if config.root is not None and urls.is_url(config.root):
        return look_through_url(urls.with_whole_path(config.root))
    root = Path(SAMPLE if config.root is None else config.root).expanduser()
    if (root / "prepared.json").is_file():
        raise UserError(f"data.root: {root} is a prepared set: give data=prepared {quote(f'data.root={root}')}")
    try:
        root = root.resolve()
    except (OSError, RuntimeError):  # a loop of links
        raise UserError(f"data.root: {root} is a link that leads nowhere; expected a folder of photos") from None
    if root.is_file():
        raise UserError(f"data.root: {root} is a file; expected a folder of photos{how_to_unzip(str(root))}")
    if not root.is_dir():
        raise UserError(f"data.root: there is no folder {root}; expected a folder of photos")
    return look_through(root)


def _some(tree: Tree, number: int | None) -> list[File]:
    """So many of the files, the same share of each part of the split, spread evenly over the names; None: all."""
    if number is None or len(tree.files) <= number:
        return tree.files
    splits = tree.splits
    groups: dict[str, list[File]] = {}
    for file in tree.files:
        groups.setdefault(part_in(splits, file.name) or "", []).append(file)
    each = max(number // len(groups), 1)
    return [files[at] for files in groups.values() for at in spread(len(files), each)]


def _of_split(tree: Tree, places: list[list[str]]) -> str:
    """What is said of folders that are called like a split and do not lie where one is looked for."""
    names = ", ".join(printable(folder) for folder in places[0])
    more = f" (and {len(places) - 1} more pairs)" if len(places) > 1 else ""
    parent = tree.below(places[0][0].rpartition("/")[0])
    instead = (
        "move them below one train/, one val/"
        if more
        else f"{quote(f'data.root={printable(parent)}')} takes them for it"
    )
    return f"the split is by content: {names}{more} are folders like any other here; {instead}"


def _hash(tree: Tree, cache: Path, engine: str) -> None:
    name = hashlib.sha256(str(tree.root).encode(errors="surrogateescape")).hexdigest()[:24]
    with progress("looking through photos", len(tree.files)) as advance:
        hash_files(tree, cache / "hashes" / name, advance, engine)


class _Folder:
    """The files of a folder on their way to a data set: each has a part of the split, or a reason against it."""

    def __init__(self, config: FolderData, tree: Tree):
        self.config, self.tree = config, tree
        self.manifest = Manifest(ignored=tree.ignored)
        self.files = {file.name: file for file in tree.files}
        self.part: dict[str, str] = {}
        splits = tree.splits
        elsewhere = [] if splits else tree.splits_elsewhere()
        if elsewhere:
            self.manifest.remarks.append(_of_split(tree, elsewhere))
        for file in tree.files:
            if file.problem:
                self._against(file, manifest.REJECTED, file.problem)
            else:
                self._place(file, splits)

    def _place(self, file: File, splits: dict[str, str]) -> None:
        declared = part_in(splits, file.name)
        val = self.config.val_fraction
        if "train" in splits.values() and declared is None:
            self._against(file, manifest.OUTSIDE, f"of the folders of the split ({', '.join(sorted(splits))})")
        elif not splits:
            self.part[file.name] = by_content(file.sha256, val, self.config.test_fraction)
        elif declared in ("val", "test") or "val" in splits.values():
            self.part[file.name] = declared or "train"
        else:  # no val/: it comes out of train/
            self.part[file.name] = by_content(file.sha256, val)

    def _against(self, file: File, status: str, detail: str, decoded: Decoded | None = None) -> None:
        record = FileRecord(file.name, status, detail, sha256=file.sha256)
        if decoded:
            record.format, record.width, record.height = decoded.format, decoded.width, decoded.height
        self.manifest.records.append(record)
        self.part.pop(file.name, None)

    def keep_one_of_each(self, kind: str) -> None:
        """Of files with the same content, or with the same pixels, keeps one: that of the part evaluated last."""
        kept: dict[str, str] = {}
        for name in sorted(self.part, key=lambda name: (PRIORITY[self.part[name]], self.files[name].sha256, name)):
            file = self.files[name]
            content = file.sha256 if kind == "sha256" else self.prepared.decoded[file.sha256][1].pixels_sha256
            first = kept.setdefault(content, name)
            if first != name:
                what = "the same file as" if kind == "sha256" else "the same pixels as"
                across = self.part[first] != self.part[name]
                detail = f"{ACROSS}: kept in {self.part[first]} as {first}" if across else f"{what} {first}"
                self._against(file, manifest.DUPLICATE, detail)

    def decode(self, decode: Decode) -> None:
        """Decodes what is left, or opens what was decoded before; rejects what is no photo."""
        config = self.config
        settings = Settings(*config.cached_size, config.resize_mode, config.min_side_pixels)
        files = [(self.tree.place_of(self.files[name]), self.files[name].sha256) for name in self.part]
        total_bytes = sum(self.files[name].stamp[0] for name in self.part)
        with progress("preparing photos", len(files)) as advance:
            self.prepared: Prepared = decode(files, settings, total_bytes, advance)
        for name in list(self.part):
            decoded = self._decoded(name)
            if decoded.reason:
                self._against(self.files[name], manifest.REJECTED, decoded.reason, decoded)
        for record in self.manifest.records:  # a copy of what is no photo is none either
            of_content = self.prepared.decoded.get(record.sha256)
            if record.status == manifest.DUPLICATE and of_content and of_content[1].reason:
                record.status, record.detail = manifest.REJECTED, of_content[1].reason

    def _decoded(self, name: str) -> Decoded:
        return self.prepared.decoded[self.files[name].sha256][1]

    def finish(self) -> None:
        """Takes photos without colours, and beyond the share, out of training; gives all others their status."""
        kinds = {name: self._without_colours(name) for name, part in self.part.items() if part == "train"}
        self.grey = {name: kind for name, kind in kinds.items() if kind}
        seen = {name: self.files[name].sha256 for name in kinds if name not in self.grey}
        taken = nested_share(list(seen.values()), self.config.fraction)
        for name in [name for name, sha256 in seen.items() if sha256 not in taken]:
            self._against(self.files[name], manifest.LEFT_OUT, "", self._decoded(name))
        for name, part in self.part.items():
            file, decoded = self.files[name], self._decoded(name)
            status = manifest.GREY if name in self.grey else manifest.CONVERTED if decoded.converted else manifest.USED
            detail = self.grey.get(name) or ", ".join(decoded.converted)
            facts = decoded.format, decoded.width, decoded.height
            self.manifest.records.append(FileRecord(name, status, detail, part, *facts, file.sha256))
        self.manifest.records.sort(key=lambda record: record.name)

    def _without_colours(self, name: str) -> str:
        """What a photo is that `data.grey` leaves out of training; empty for the others."""
        decoded, config = self._decoded(name), self.config
        if config.grey == "keep":
            return ""
        if decoded.grey:
            return EXACTLY_GREY
        return decoded.tone.without_colours(config.min_colorfulness) if config.grey == "drop" else ""

    def check_rejected(self, saved: Path | None) -> None:
        """Stops where more files are rejected than the configuration bears."""
        rejected = self.manifest.rejected
        files = sum(record.status != manifest.OUTSIDE for record in self.manifest.records)
        if len(rejected) <= self.config.max_rejected_fraction * files and len(rejected) < files:
            return
        listed = [f"  {printable(record.name)}: {record.detail}" for record in rejected[:LISTED]]
        where = f"; all are in {saved}" if saved else ""
        more = [f"  and {len(rejected) - LISTED} more{where}"] if len(rejected) > LISTED else []
        raise UserError(
            "\n".join(
                [
                    f"{len(rejected)} of {files} files in {self.tree.root} are no usable photos, more than"
                    " data.max_rejected_fraction="
                    f"{self.config.max_rejected_fraction} allows; remove them, or allow more:",
                    *listed,
                    *more,
                ]
            )
        )

    def dataset(self) -> Dataset:
        """The parts, each in the order of the contents."""
        names = sorted(self.part, key=lambda name: self.files[name].sha256)
        groups: dict[str, list[str]] = {part: [] for part in (*PARTS, "grey")}
        for name in names:
            groups["grey" if name in self.grey else self.part[name]].append(name)
        parts = {part: self._photos(names) for part, names in groups.items()}
        config = self.config
        facts = [repr((config.height, config.width, config.cache_scale, config.resize_token, config.min_side_pixels))]
        hashes = [text for part in ("train", "grey", "val") for text in (part, *parts[part].hashes)]
        test = parts.pop("test")
        return Dataset(
            config.name, str(self.tree.root), **parts, test=test if len(test) else None,
            digest=digest_of(facts + hashes), manifest=self.manifest,
        )  # fmt: skip

    def _photos(self, names: list[str]) -> Photos:
        hashes = [self.files[name].sha256 for name in names]
        rows = np.array([self.prepared.decoded[sha256][0] for sha256 in hashes], dtype=int)
        size = self.config.height, self.config.width
        prepared = f"{self.config.resize_token} {self.config.cached_size}"
        return Photos(self.prepared.pixels, rows, tuple(names), tuple(hashes), size, prepared)
