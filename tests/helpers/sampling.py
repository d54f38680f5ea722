"""Batches of photos for training."""

from colorize.config.compose import composed
from colorize.data.batches import Batches

DATA = composed([]).data


def data(**changes):
    return DATA.model_copy(update=changes)


# The photos of `photo_folder` are 24 x 40, kept as they are.
SMALL = {"height": 12, "width": 20, "cache_scale": 2.0}


def batches(photos, seed=1, batch_size=5, **augmentation):
    changed = DATA.augmentation.model_copy(update=augmentation)
    return Batches(photos, 16, 32, batch_size, changed, seed)
