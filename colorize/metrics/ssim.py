"""Structural similarity."""

import numpy as np
from keras import ops

from colorize.arrays import BlurredChannels, Channels, PerPhoto, RgbPhotos

WINDOW, SIGMA = 11, 1.5  # Wang et al. 2004, section III.C
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
LONGEST_BANDED = 256
"""Pixels of a side up to which the window is applied as a matrix product, which is far faster and grows with it."""


def ssim(rgb: RgbPhotos, other: RgbPhotos) -> PerPhoto:
    """SSIM of each picture (Wang et al. 2004, eq. 13): a Gaussian window of 11 pixels, RGB channels averaged.

    As scikit-image's `structural_similarity` with `gaussian_weights`, `use_sample_covariance=False` and
    `data_range=255`: the mean over the places where the whole window is inside the picture.

    Args:
        rgb, other: 0..255, (B, H, W, 3).
    Returns:
        float32 (B,), 1 for equal pictures; NaN where a side is shorter than the window.
    """
    rgb, other = ops.cast(rgb, "float32"), ops.cast(other, "float32")
    if min(rgb.shape[1:3]) < WINDOW:
        return ops.mean(rgb, axis=(1, 2, 3)) * np.float32("nan")
    mean_1, mean_2 = _blur(rgb), _blur(other)
    variance_1, variance_2 = _blur(rgb * rgb) - mean_1 * mean_1, _blur(other * other) - mean_2 * mean_2
    covariance = _blur(rgb * other) - mean_1 * mean_2
    above = (2.0 * mean_1 * mean_2 + C1) * (2.0 * covariance + C2)
    below = (mean_1 * mean_1 + mean_2 * mean_2 + C1) * (variance_1 + variance_2 + C2)
    return ops.mean(above / below, axis=(1, 2, 3))


def _gaussian() -> np.ndarray:
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    return np.asarray(weights / weights.sum())


def _blur(pictures: Channels) -> BlurredChannels:
    """The Gaussian mean around each pixel whose window fits: (B, H, W, C) -> (B, H - 10, W - 10, C)."""
    _, height, width, channels = pictures.shape
    if max(height, width) <= LONGEST_BANDED:
        return ops.einsum("ih,bhwc,jw->bijc", _band(height), pictures, _band(width))
    kernel = np.tile(_gaussian().astype("float32")[:, None, None, None], (1, 1, channels, 1))
    down = ops.depthwise_conv(pictures, kernel, padding="valid")
    return ops.depthwise_conv(down, kernel.transpose(1, 0, 2, 3), padding="valid")


def _band(size: int) -> np.ndarray:
    """Row i holds the window at place i: (size - 10, size)."""
    band = np.zeros((size - WINDOW + 1, size), "float32")
    for place in range(len(band)):
        band[place, place : place + WINDOW] = _gaussian()
    return band
