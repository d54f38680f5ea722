"""Embeddings of photos by a frozen backbone, computed once and kept on disk where augmentation allows it."""

import hashlib
import math
import os
from pathlib import Path

import numpy as np
from keras import ops

from colorize.color import rgb_to_lab
from colorize.config import Augmentation, PretrainedBackbone
from colorize.data.cache import check_space, folder_of_cache, kept_in
from colorize.data.decoding import Rows
from colorize.data.photos import Photos
from colorize.files import commit
from colorize.models.backbone import CLASSES, Backbone, digest
from colorize.progress import progress

AT_ONCE = 32
"""Photos in one step of the backbone."""


def keeps_embeddings(config: PretrainedBackbone, augmentation: Augmentation) -> bool:
    """Whether an embedding can be kept: no crop, exposure or mix may change the picture; a mirrored one is kept too."""
    return config.cache and augmentation.crop == 1 and augmentation.exposure == 0 and augmentation.mix == 0


def note_of_embeddings(config: PretrainedBackbone, augmentation: Augmentation) -> str:
    """What becomes of embeddings, for the screen: it decides how long a run takes."""
    if keeps_embeddings(config, augmentation):
        times = "twice (its mirror image too)" if augmentation.flip else "once"
        return f"{config.name} reads each photo {times}, before training; its answers are kept on disk"
    if not config.cache:
        return f"{config.name} reads every picture in every step (backbone.cache=false)"
    return (
        f"{config.name} reads every picture anew in every step; with data.augmentation.crop=1"
        " data.augmentation.exposure=0 data.augmentation.mix=0 its answers would be kept"
    )


class Embeddings:
    """The embeddings of some photos, as they are and mirrored.

    Args:
        backbone: what computes them.
        config: its configuration, which names them on disk.
        photos: whose.
        cache: folder of the cache; None: as for prepared photos.
        mirrored: whether those of the mirror images will be asked for too.
    Attributes:
        values: float32 (N, 1 or 2, E), a memory map: of each photo, and of its mirror image.
    Raises:
        UserError: as `colorize.data.cache.kept_in`.
    """

    def __init__(
        self, backbone: Backbone, config: PretrainedBackbone, photos: Photos, cache: str | None, mirrored: bool
    ):
        name = f"{_key(config, photos, mirrored)}.npy"

        def opened(folder: Path) -> np.ndarray:
            path = folder / "embeddings" / name
            if not path.exists():
                _compute(backbone, photos, path, mirrored)
            return np.load(path, mmap_mode="r")

        self.values = kept_in(folder_of_cache(cache), "embeddings", opened, "; or keep none: backbone.cache=false")

    def of(self, indices, mirrored=None) -> np.ndarray:
        """Of the photos of some indices, and of those mirrored that say so: float32 (B, E)."""
        turned = np.zeros(len(self.values[indices]), int) if mirrored is None else np.asarray(mirrored, int)
        return np.take_along_axis(self.values[indices], turned[:, None, None], axis=1)[:, 0]


def _key(config: PretrainedBackbone, photos: Photos, mirrored: bool) -> str:
    weights = digest(config) or config.weights
    told = [config.name, weights, str(config.size), str(photos.size), photos.digest, str(mirrored)]
    return hashlib.sha256("|".join(told).encode()).hexdigest()[:24]


def _compute(backbone: Backbone, photos: Photos, path: Path, mirrored: bool) -> None:
    partial = path.with_suffix(f".{os.getpid()}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        shape = len(photos), 1 + mirrored, CLASSES
        check_space(path.parent, 4 * math.prod(shape))
        rows = Rows(str(partial), np.lib.format.open_memmap(partial, "w+", "float32", shape).offset)
        with progress(f"embedding photos with {backbone.name}", len(photos)) as advance:
            for part, rgb in photos.batches(AT_ONCE):
                pictures = (rgb, rgb[:, :, ::-1])[: 1 + mirrored]
                rows.write(part.start, np.stack([_embedded(backbone, turned) for turned in pictures], axis=1))
                advance(len(rgb))
        commit(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _embedded(backbone: Backbone, rgb: np.ndarray) -> np.ndarray:
    lightness = ops.convert_to_numpy(rgb_to_lab(np.ascontiguousarray(rgb)))[..., :1]
    return np.asarray(backbone.predict_on_batch(lightness), "float32")
