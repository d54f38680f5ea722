"""Pictures for people: strips of grey, ours and truth, and the dependency map."""

from pathlib import Path

import numpy as np
from PIL import Image

from colorize.color import colorize_lightness, in_grey

GAP = 4
"""White pixels between two pictures."""


def strip(rgb: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """Grey, ours and truth of one photo, side by side.

    Args:
        rgb: the truth, uint8 (H, W, 3).
        ab: predicted, (H, W, 2) in Lab units.
    Returns:
        uint8, as `side_by_side`.
    """
    return side_by_side(in_grey(rgb), colorize_lightness(rgb, ab), rgb)


def side_by_side(*pictures: np.ndarray) -> np.ndarray:
    """Pictures of one size along their shorter side: nearly square, as the UI's image grid shows it.

    Args:
        pictures: n of them, uint8 (H, W, 3).
    Returns:
        uint8, (n H and gaps, W, 3) of wide pictures, else (H, n W and gaps, 3).
    """
    height, width, _ = pictures[0].shape
    axis, shape = (0, (GAP, width, 3)) if width > height else (1, (height, GAP, 3))
    gap = np.full(shape, 255, "uint8")
    parts = [part for picture in pictures for part in (gap, picture)][1:]
    return np.concatenate(parts, axis=axis)


def save(picture: np.ndarray, path: Path) -> None:
    """Writes uint8 (H, W, 3) in the format of the path's ending, with none of the photo's metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
