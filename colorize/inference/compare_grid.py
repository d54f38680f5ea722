"""A painted photo beside what it was made of."""

from pathlib import Path

import numpy as np
from PIL import Image

from colorize.data.monochrome import is_grey
from colorize.image_grid import in_grey, save, side_by_side
from colorize.runs.atomic import replacing

LONGER_SIDE = 640
"""Pixels of each picture of a comparison grid, at most."""


def small(image: Image.Image) -> np.ndarray:
    """A copy of a picture, no larger than it is shown in a comparison grid; uint8 (H, W, 3)."""
    scale = LONGER_SIDE / max(image.size)
    if scale >= 1:
        return np.array(image)
    size = [max(1, round(scale * side)) for side in image.size]
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=3))


def save_comparison_grid(before: np.ndarray, painted: Image.Image, target: Path) -> None:
    """Writes the comparison grid of a photo: grey, painted, and the photo as it was where that has colours.

    Args:
        before: what `small` made of it.
    """
    grey = in_grey(before)
    truth = [] if is_grey(before) else [before]
    with replacing(target) as partial:
        save(side_by_side(grey, small(painted), *truth), partial)
