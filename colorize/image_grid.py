"""Pictures for people, on the host: the photo in grey, as predicted and as it was, in one grid."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import color, util

GAP = 4
"""White pixels between two pictures."""


def colorize_lightness(rgb: np.ndarray, ab) -> np.ndarray:
    """The lightness of photos under other colours, clipped to the gamut.

    Args:
        rgb: uint8 (..., 3).
        ab: (..., 2) in Lab units.
    Returns:
        uint8 (..., 3).
    """
    lab = color.rgb2lab(rgb)
    lab[..., 1:] = ab
    with warnings.catch_warnings():  # of colours that no light has: they are clipped, as they should be
        warnings.filterwarnings("ignore", ".*negative Z values", UserWarning)
        return np.rint(color.lab2rgb(lab) * 255).astype("uint8")


def in_grey(rgb: np.ndarray) -> np.ndarray:
    """The lightness of photos alone; uint8 (..., 3), both."""
    return colorize_lightness(rgb, 0.0)


def comparison_grid(rgb: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """Grey, predicted and truth of one photo, side by side.

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
    grid = (len(pictures), 1) if width > height else (1, len(pictures))
    white = (255, 255, 255)
    framed = util.montage(np.stack(pictures), fill=white, grid_shape=grid, padding_width=GAP, channel_axis=-1)
    return framed[GAP:-GAP, GAP:-GAP].astype("uint8")


def save(picture: np.ndarray, path: Path) -> None:
    """Writes uint8 (H, W, 3) in the format of the path's ending, with none of the photo's metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
