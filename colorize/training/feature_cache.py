"""The features that a frozen part of the network makes of photos: computed once and cached on disk, where augmentation
allows it."""

import hashlib
import math
import os
from pathlib import Path

import numpy as np
from keras import ops

from colorize.color import rgb_to_lightness
from colorize.config.data import Augmentation
from colorize.config.efficientnet import EfficientNetLite
from colorize.config.model import PretrainedBackbone
from colorize.config.schema import Config
from colorize.console import progress
from colorize.data.cache import check_space, folder_of_cache, in_cache
from colorize.data.dataset import Photos
from colorize.data.decode_pool import Rows
from colorize.models.frozen import Frozen
from colorize.runs.atomic import commit

AT_ONCE = 32
"""Photos in one step of the frozen part."""


def frozen_part(config: Config) -> tuple[str, PretrainedBackbone | EfficientNetLite] | None:
    """The group and the section of the configuration that have a frozen part, or None."""
    if isinstance(config.backbone, PretrainedBackbone):
        return "backbone", config.backbone
    if isinstance(config.encoder, EfficientNetLite) and config.encoder.frozen_stages:
        return "encoder", config.encoder
    return None


def caches_features(config: Config) -> bool:
    """Whether they can be kept: no crop, exposure or mix may change the picture; a mirrored one is kept too."""
    part = frozen_part(config)
    return bool(part and part[1].cache) and _leaves_pictures(config.data.augmentation)


def _leaves_pictures(augmentation: Augmentation) -> bool:
    return (
        augmentation.min_crop_scale == 1
        and augmentation.max_exposure_stops == 0
        and augmentation.mixup_probability == 0
    )


def note_about_features(config: Config, some: bool) -> list[str]:
    """What becomes of them, for the screen: it decides how long a run takes. Nothing where there are none to keep."""
    frozen = frozen_part(config)
    if not some or frozen is None:
        return []
    group, part = frozen
    if caches_features(config):
        times = "twice (its mirror image too)" if config.data.augmentation.flip_probability else "once"
        return [f"{part.name} reads each photo {times}, before training; its features are cached on disk"]
    if not part.cache:
        return [f"{part.name} reads every picture in every step ({group}.cache=false)"]
    return [
        f"{part.name} reads every picture anew in every step; with data.augmentation.min_crop_scale=1"
        " data.augmentation.max_exposure_stops=0 data.augmentation.mixup_probability=0 its features would be cached"
    ]


class FeatureCache:
    """The features of some photos, as they are and mirrored.

    Args:
        frozen: what computes them.
        photos: whose.
        cache: folder of the cache; None: as for prepared photos.
        mirrored: whether those of the mirror images will be asked for too.
        instead: another way out where they cannot be kept, for the message.
    Attributes:
        values: (N, 1 or 2, V), a memory map: of each photo, and of its mirror image, all outputs in one row.
    Raises:
        UserError: as `colorize.data.cache.in_cache`.
    """

    def __init__(self, frozen: Frozen, photos: Photos, cache: str | None, mirrored: bool, instead: str = ""):
        self.shapes = frozen.shapes
        identity = [frozen.key(), str(frozen.shapes), str(photos.size), photos.digest, str(mirrored)]
        name = f"{hashlib.sha256('|'.join(identity).encode()).hexdigest()[:24]}.npy"

        def opened(folder: Path) -> np.ndarray:
            path = folder / "features" / name
            if not path.exists():
                _compute(frozen, photos, path, mirrored)
            return np.load(path, mmap_mode="r")

        self.values = in_cache(folder_of_cache(cache), f"features of {frozen.name}", opened, instead)

    def of(self, indices, mirrored=None) -> list[np.ndarray]:
        """Of the photos of some indices, and of those mirrored that say so: an array (B, *shape) for each output."""
        indices = np.arange(len(self.values))[indices]
        turned = np.zeros(len(indices), int) if mirrored is None else np.asarray(mirrored, int)
        rows = self.values[indices, turned]
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])[:-1]
        return [part.reshape(-1, *shape) for part, shape in zip(np.split(rows, ends, axis=1), self.shapes)]


def _compute(frozen: Frozen, photos: Photos, path: Path, mirrored: bool) -> None:
    partial = path.with_suffix(f".{os.getpid()}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        shape = len(photos), 1 + mirrored, sum(math.prod(shape) for shape in frozen.shapes)
        check_space(path.parent, np.dtype(frozen.dtype).itemsize * math.prod(shape))
        rows = Rows(str(partial), np.lib.format.open_memmap(partial, "w+", frozen.dtype, shape).offset)
        with progress(f"{frozen.name} reads {len(photos):,} photos", len(photos)) as advance:
            for part, rgb in photos.batches(AT_ONCE):
                pictures = (rgb, rgb[:, :, ::-1])[: 1 + mirrored]
                rows.write(part.start, np.stack([_features(frozen, turned) for turned in pictures], axis=1))
                advance(len(rgb))
        commit(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _features(frozen: Frozen, rgb: np.ndarray) -> np.ndarray:
    """All outputs of each photo in one row, as they are kept."""
    lightness = ops.convert_to_numpy(rgb_to_lightness(np.ascontiguousarray(rgb)))
    flat = [np.asarray(output).reshape(len(rgb), -1) for output in frozen.features(lightness)]
    return np.concatenate(flat, axis=1).astype(frozen.dtype)
