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


GIVEN = [f"data.{key}={value}" for key, value in SMALL.items()]


def of_folder(folder, *more):
    """A folder of small photos, as `configs/data/folder.yaml` has it."""
    return composed(["data=folder", f"data.root='{folder}'", *GIVEN, *more], combinations=False).data


def of_set(folder, *more):
    """What was prepared of it."""
    size = [text for text in GIVEN if "height" in text or "width" in text]
    return composed(["data=prepared", f"data.root='{folder}'", *size, *more], combinations=False).data
