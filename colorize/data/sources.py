"""Where photos come from, and which of them training never sees."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from colorize.config import PROJECT, SampleData
from colorize.data.images import read_photo, resize
from colorize.errors import UserError

SAMPLE = PROJECT / "data" / "sample"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}


@dataclass(frozen=True)
class Photo:
    """A decoded photo: its file name, the SHA-256 of the file, and its upright sRGB pixels."""

    name: str
    sha256: str
    image: Image.Image

    @property
    def key(self) -> str:
        """A name of its own, for a file or for MLflow, which takes letters, digits and `_-.` only."""
        return f"{re.sub('[^A-Za-z0-9_.-]', '_', Path(self.name).stem)}-{self.sha256[:6]}"


@dataclass(frozen=True)
class Photos:
    """Some photos in the order of their hashes: the same on every machine, whatever the file system's order."""

    photos: tuple[Photo, ...]

    def __len__(self) -> int:
        return len(self.photos)

    @cached_property
    def digest(self) -> str:
        """A short name for exactly these files."""
        return hashlib.sha256("".join(p.sha256 for p in self.photos).encode()).hexdigest()[:16]

    def fitted(self, height: int, width: int) -> np.ndarray:
        """All photos as evaluation sees them: the largest centred crop of that shape, resized; uint8 (N, H, W, 3)."""
        pixels = [resize(p.image, height, width, centred_box(p.image.size, height, width)) for p in self.photos]
        return np.stack([np.asarray(image) for image in pixels])


@dataclass(frozen=True)
class Dataset:
    """A named set of photos in two parts that share no file."""

    name: str
    source: Path
    train: Photos
    held_out: Photos


def centred_box(size: tuple[int, int], height: int, width: int) -> tuple[float, float, float, float]:
    """The largest centred box of shape height : width in a picture of `size` (width, height), as Pillow takes it."""
    full_width, full_height = size
    scale = min(full_width / width, full_height / height)
    left, top = (full_width - scale * width) / 2, (full_height - scale * height) / 2
    return left, top, left + scale * width, top + scale * height


def is_held_out(sha256: str, share: float) -> bool:
    """Whether a file belongs to the held-out part: decided by its content alone."""
    return int(sha256, 16) < share * 2**256


def read_dataset(config: SampleData) -> Dataset:
    """Reads every photo below the root and splits them by content.

    Raises:
        UserError: the folder is missing or holds no photos, or one part of the split came out empty.
    """
    root = Path(config.root or SAMPLE).expanduser().resolve()
    if not root.is_dir():
        raise UserError(f"data.root: there is no folder {root}; expected a folder of photos")
    paths = [p for p in sorted(root.rglob("*")) if p.suffix.lower() in SUFFIXES and p.is_file()]
    if not paths:
        raise UserError(f"data.root: no photo in {root}; expected files that end in {', '.join(sorted(SUFFIXES))}")
    unique = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in paths}
    photos = [Photo(unique[key].name, key, read_photo(unique[key])) for key in sorted(unique)]
    parts = [Photos(tuple(p for p in photos if is_held_out(p.sha256, config.held_out) == part)) for part in (0, 1)]
    if not all(parts):
        raise UserError(
            f"data.held_out={config.held_out} leaves {len(parts[0])} photos for training and {len(parts[1])} held out"
            f" of {len(photos)} in {root}; both need some: add photos or change the share"
        )
    return Dataset(config.name, root, *parts)
