"""Embeddings of photos by a frozen backbone, computed once and kept on disk where augmentation allows it."""

import hashlib
import os
from pathlib import Path

import numpy as np
from keras import ops

from colorize.color import rgb_to_lab
from colorize.config import Augmentation, PretrainedBackbone
from colorize.data.cache import folder_of_cache
from colorize.data.photos import Photos
from colorize.errors import UserError
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
        UserError: they cannot be written.
    """

    def __init__(
        self, backbone: Backbone, config: PretrainedBackbone, photos: Photos, cache: str | None, mirrored: bool
    ):
        path = folder_of_cache(cache) / "embeddings" / f"{_key(config, photos, mirrored)}.npy"
        if not path.exists():
            _compute(backbone, photos, path, mirrored)
        self.values = np.load(path, mmap_mode="r")

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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with progress(f"embedding photos with {backbone.name}", len(photos)) as advance:
            values = np.lib.format.open_memmap(partial, "w+", "float32", (len(photos), 1 + mirrored, CLASSES))
            for part, rgb in photos.batches(AT_ONCE):
                for turned, pictures in enumerate((rgb, rgb[:, :, ::-1])[: 1 + mirrored]):
                    lightness = ops.convert_to_numpy(rgb_to_lab(np.ascontiguousarray(pictures)))[..., :1]
                    values[part, turned] = backbone.predict_on_batch(lightness)
                advance(len(rgb))
            values.flush()
        os.replace(partial, path)
    except OSError as error:
        raise UserError(
            f"embeddings cannot be kept in {path.parent}: {error.strerror or error}; name another folder with"
            " XDG_CACHE_HOME=PATH in the environment (or data.cache, where the data has it), or compute them in every"
            " step: backbone.cache=false"
        ) from None
    finally:
        partial.unlink(missing_ok=True)
