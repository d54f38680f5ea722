"""Area under the curve of cumulative error (Zhang, Isola and Efros 2016, section 3.1)."""

import numpy as np
from keras import ops

from colorize.arrays import Ab, BinOfPixel, Plane

LONGEST = 150
"""Lab units at which the curve ends."""

STEP, LOWEST = 10, -11
"""Bins of true colour: ab in steps of 10, from round(ab / 10) = -11 to 11 on each axis."""

SIDE = 1 - 2 * LOWEST
BINS = SIDE * SIDE

EQUAL = 1e-3
"""Lab units below which two colours are the same: float32 is that exact."""


def pixel_auc(ab_true: Ab, ab_predicted: Ab) -> Plane:
    """What each pixel adds to the area, 0..1; the area is their mean.

    The curve is the share of pixels whose distance d is at most t, at t = 0, 1, ..., 150; its area by trapezoids,
    over 150. One pixel's curve is 0 before ceil(d) and 1 from there on, so its area is (150.5 - ceil(d)) / 150, and 1
    for d = 0. No histogram is needed.

    Args:
        ab_true, ab_predicted: (..., 2), Lab units.
    Returns:
        (...,).
    """
    distance = ops.sqrt(ops.sum(ops.square(ab_true - ab_predicted), axis=-1))
    area = (LONGEST + 0.5 - ops.ceil(distance)) / LONGEST
    area = ops.where(distance > LONGEST, 0.0, area)
    return ops.where(distance < EQUAL, 1.0, area)


def colour_bin(ab: Ab) -> BinOfPixel:
    """Number of the bin of 10 x 10 Lab units that a colour is in: (..., 2) -> int32 (...,) in 0..BINS - 1."""
    steps = ops.clip(ops.round(ab / STEP), LOWEST, -LOWEST) - LOWEST
    return ops.cast(steps[..., 0] * SIDE + steps[..., 1], "int32")


def balancing_weights(pixels_per_bin: np.ndarray) -> np.ndarray:
    """What a pixel of each bin counts, so that each colour that occurs counts as much as any other.

    Args:
        pixels_per_bin: of the truth, (BINS,).
    Returns:
        float32 (BINS,): one over the bin's share, times a constant that makes the mean over all pixels 1; 0 where no
        pixel is.
    """
    occurs = pixels_per_bin > 0
    share = pixels_per_bin / pixels_per_bin.sum()
    return np.where(occurs, 1.0 / np.maximum(share, 1e-30) / occurs.sum(), 0.0).astype("float32")
