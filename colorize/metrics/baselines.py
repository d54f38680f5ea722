"""What can be predicted without a network."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from skimage.color import rgb2lab

from colorize.arrays import Ab, AbPhotos, BinOfPixel, Plane, RgbPhotos, RgbUint8

LIGHTNESS_BINS = 101  # one per integer L in 0..100


class Baselines:
    """The trivial predictors.

    Args:
        mean: a, b.
        by_lightness: (101, 2), a and b of each integer lightness.
        origin: the photos that they were learned from, in words, where those are known.
    """

    def __init__(self, mean: np.ndarray, by_lightness: np.ndarray, origin: str = "") -> None:
        self.mean, self.by_lightness, self.origin = mean, by_lightness.astype("float32"), origin

    @classmethod
    def learned(cls, batches: Iterable[np.ndarray], origin: str = "") -> "Baselines":
        """From photos, a batch of uint8 (B, H, W, 3) at a time."""
        pixels, sums = np.zeros(LIGHTNESS_BINS), np.zeros((LIGHTNESS_BINS, 2))
        for rgb in batches:
            lightness, ab = _lightness_and_ab(rgb)
            bins = _lightness_bin(lightness).ravel()
            pixels += np.bincount(bins, minlength=LIGHTNESS_BINS)
            sums += np.stack([np.bincount(bins, ab[..., c].ravel(), LIGHTNESS_BINS) for c in (0, 1)], axis=-1)
        mean = sums.sum(axis=0) / pixels.sum()
        by_lightness = np.where(pixels[:, None] > 0, sums / np.maximum(pixels, 1)[:, None], mean)
        return cls(mean, by_lightness, origin)

    @property
    def tables(self) -> dict[str, Any]:
        """What they know, as plain values, by the names that a model file has for them."""
        by_lightness = [tuple(colour) for colour in self.by_lightness.tolist()]
        return {"mean_ab": tuple(self.mean.tolist()), "ab_given_lightness": by_lightness}

    @property
    def predictors(self) -> dict[str, Callable[[RgbPhotos], AbPhotos]]:
        """Name -> function from uint8 RGB (B, H, W, 3) to ab (B, H, W, 2) in Lab units."""
        return {"grey": self.grey, "mean_ab": self.mean_ab, "ab_given_lightness": self.ab_given_lightness}

    def grey(self, rgb: RgbPhotos) -> AbPhotos:
        """ab = 0."""
        return np.zeros((*rgb.shape[:3], 2), "float32")

    def mean_ab(self, rgb: RgbPhotos) -> AbPhotos:
        """The mean colour of the photos everywhere."""
        return np.broadcast_to(self.mean.astype("float32"), (*rgb.shape[:3], 2))

    def ab_given_lightness(self, rgb: RgbPhotos) -> AbPhotos:
        """E[ab given L]: the mean colour of the pixels of the same integer lightness."""
        return self.by_lightness[_lightness_bin(_lightness_and_ab(rgb)[0])]


def _lightness_and_ab(rgb: RgbUint8) -> tuple[Plane, Ab]:
    lab = rgb2lab(rgb)
    return lab[..., 0], lab[..., 1:]


def _lightness_bin(lightness: Plane) -> BinOfPixel:
    return np.clip(np.rint(lightness), 0, LIGHTNESS_BINS - 1).astype("int32")
