"""Photos as training and evaluation see them: rows of an array of pixels, in the order of their content."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from itertools import chain
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
from PIL import Image

from colorize.arrays import Indices, PhotosInMemory, StoredPhotos
from colorize.data.decode import centred_box, resize
from colorize.data.manifest import Manifest
from colorize.data.texts import Joined

PIXELS_PER_BATCH = 2**19
"""Of a batch in evaluation: a network needs some hundred bytes for each."""


ALL = "all"
"""Names all parts together."""


@dataclass(frozen=True)
class Photos:
    """Some photos in the order of their hashes: the same on every machine, whatever the file system's order.

    Attributes:
        stored: uint8 (M, H', W', 3) of these and maybe other photos; in memory or a memory map.
        rows: which of them these are.
        names: of each, its path below the root.
        hashes: SHA-256 of each.
        size: (rows, columns) at which training and evaluation see them.
        prepared: how the stored pixels came out of the files.
    """

    stored: StoredPhotos
    rows: Indices
    names: Sequence[str]
    hashes: Sequence[str]
    size: tuple[int, int]
    prepared: str = ""

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def digest(self) -> str:
        """A short name for exactly these files, prepared like this."""
        return digest_of(chain([self.prepared], self.hashes))

    def key(self, index: SupportsIndex) -> str:
        """A name of its own, for a file or for MLflow, which takes letters, digits and `_-.` only."""
        return f"{re.sub('[^A-Za-z0-9_.-]', '_', Path(self.names[int(index)]).stem)[:80]}-{self.hashes[int(index)][:6]}"

    def image(self, index: int) -> Image.Image:
        """One photo as it is stored."""
        return Image.fromarray(self.stored[self.rows[index]])

    def pixels(self, indices: Any) -> PhotosInMemory:
        """Photos of some indices as they are stored: uint8 (N, H', W', 3)."""
        return np.asarray(self.stored[self.rows[indices]])

    def fitted(self, indices: Any = None) -> PhotosInMemory:
        """Photos (all of them, or those of some indices) as evaluation sees them: uint8 (N, H, W, 3)."""
        rows = self.rows if indices is None else self.rows[indices]
        if self.stored.shape[1:3] == self.size:
            return np.asarray(self.stored[rows])
        return np.stack([np.asarray(self._resized(Image.fromarray(self.stored[row]))) for row in rows])

    def _resized(self, image: Image.Image) -> Image.Image:
        return resize(image, *self.size, centred_box(image.size, *self.size))

    def batches(self, batch_size: int | None = None) -> Iterator[tuple[slice, PhotosInMemory]]:
        """All photos in order, a batch at a time: which they are, and uint8 (B, H, W, 3)."""
        step = batch_size or max(1, PIXELS_PER_BATCH // (self.size[0] * self.size[1]))
        for start in range(0, len(self), step):
            part = slice(start, min(start + step, len(self)))
            yield part, self.fitted(part)

    def subset(self, chosen: Any) -> "Photos":
        """The photos of some indices (an integer array or a mask)."""
        indices = np.arange(len(self))[chosen]
        names, hashes = (tuple(values[i] for i in indices) for values in (self.names, self.hashes))
        return Photos(self.stored, self.rows[indices], names, hashes, self.size, self.prepared)

    def together_with(self, other: "Photos") -> "Photos":
        """These photos and others of the same array."""
        rows = np.concatenate([self.rows, other.rows])
        names, hashes = Joined(self.names, other.names), Joined(self.hashes, other.hashes)
        return Photos(self.stored, rows, names, hashes, self.size, self.prepared)


@dataclass(frozen=True)
class Dataset:
    """A named set of photos in parts that share no photo.

    Attributes:
        train: what training sees.
        grey: what it would see if it had colours (`data.grey`).
        val: by which the checkpoint is chosen.
        test: seen by `evaluate` alone; None where there is none, or where it was not asked for.
        digest: of all parts and of the settings that pixels depend on; the same on every machine.
        manifest: a record of each file.
    """

    name: str
    source: str
    train: Photos
    grey: Photos
    val: Photos
    test: Photos | None
    digest: str
    manifest: Manifest = field(default_factory=Manifest)

    def summary(self) -> list[str]:
        """Lines for people: what became of the files."""
        if self.manifest.records or not len(self.grey):
            return self.manifest.summary()
        return [f"{len(self.grey):,} photos without colours (data.grey) are left out of training"]

    def part(self, name: str) -> Photos:
        """`train`, `val` or `test`; or `all` of them, those without colours too."""
        if name != ALL:
            return getattr(self, name)
        parts = [self.grey, self.val, *([self.test] if self.test else [])]
        return reduce(Photos.together_with, parts, self.train)

    def known_before(self, part: str) -> Photos:
        """What the trivial baselines learn from when they are evaluated on a part: all photos of the parts before it.

        Those without colours included: they teach a network nothing, and belong to what colours photos have.
        """
        known = self.train.together_with(self.grey)
        return known.together_with(self.val) if part == "test" else known


def spread(length: int, number: int) -> list[int]:
    """At most so many indices of a list, spread evenly."""
    number = min(number, length)
    return [at * length // number for at in range(number)]


def digest_of(hashes: Iterable[str]) -> str:
    """A short name for some contents in this order."""
    digest = hashlib.sha256()
    for text in hashes:
        digest.update(text.encode())
    return digest.hexdigest()[:16]
