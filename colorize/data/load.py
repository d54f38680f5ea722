"""From the configuration of the data to its photos, split into parts."""

import math
import os
from pathlib import Path

from colorize.config.data import Data
from colorize.config.registry import build
from colorize.data.dataset import Dataset, Photos
from colorize.data.scan import part_of
from colorize.errors import UserError

FEW = 10
"""Val photos; by fewer, the best epoch is a matter of luck."""


def read_dataset(config: Data, test: bool = False, manifest: Path | None = None, needs_parts: bool = True) -> Dataset:
    """Reads the photos that a configuration asks for, split into parts.

    Args:
        test: whether the test part is wanted too; training never asks for it.
        needs_parts: whether some photos must be left to train on, and some for val.
        manifest: file into which the records go, before anything that is wrong with them is reported.
    Raises:
        UserError: no photos there, too many of them rejected, or a part of the split came out empty.
    """
    dataset = build(config, test, manifest)
    for part in ("train", "val") if needs_parts else ():
        if not len(dataset.part(part)):
            raise UserError(_empty_part(config, dataset, part))
    return dataset


def is_declared(photos: Photos, part: str) -> bool:
    """Whether photos lie in one folder called after a part of the split: no hash has chosen them."""
    if not len(photos):
        return False
    common = os.path.commonprefix([name.split("/")[:-1] for name in photos.names])  # of lists, step by step
    return part in map(part_of, common)


def advice(config: Data, dataset: Dataset) -> list[str]:
    """What may be done about a val part that is too small to choose a checkpoint by; nothing where it is not."""
    number = len(dataset.val)
    if number >= FEW or config.max_photos is not None:
        return []
    total = len(dataset.train) + len(dataset.grey) + number + len(dataset.test or ())
    share = f"data.val_fraction={min(math.ceil(100 * 1.5 * FEW / total) / 100, 0.3):g}"
    test = " data.test_fraction=0.0" if getattr(config, "test_fraction", 0.0) and total < 100 else ""
    instead = f"train with {share}{test}, or add photos"
    if config.name == "prepared":
        instead = "prepare the photos with a larger data.val_fraction"
    if is_declared(dataset.val, "val"):
        instead = "put more photos into val/"
    return [f"the checkpoint is chosen by {number} val photos, which is mostly chance: {instead}"]


def _empty_part(config: Data, dataset: Dataset, part: str) -> str:
    counts = f"{len(dataset.train)} photos for training and {len(dataset.val)} for val"
    if dataset.test:
        counts += f", and {len(dataset.test)} for test"
    grey = f" ({len(dataset.grey)} without colours left out)" if len(dataset.grey) else ""
    if config.name == "prepared":
        return f"the set in {dataset.source} has {counts}{grey}; both need some: prepare more photos"
    return (
        f"data.val_fraction={config.val_fraction} leaves {counts}{grey} in {dataset.source}; both need"
        f" some: add photos to {part}, or change the share"
    )
