"""The numbers of each photo, a batch at a time, in one compiled function."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from colorize.arrays import AbPhotos, BinOfPixel, PerPhoto, RgbPhotos
from colorize.color import compose, rgb_to_lab
from colorize.metrics.auc import BINS, balancing_weights, colour_bin, pixel_auc
from colorize.metrics.ciede2000 import ciede2000
from colorize.metrics.colorfulness import colorfulness
from colorize.metrics.ssim import ssim
from colorize.metrics.summary import PER_PHOTO


class PhotoMetrics(keras.Model):
    """Compares photos with predicted colours; `predict_on_batch` runs it compiled.

    Args:
        pixels_per_bin: of the truth over all photos, (BINS,); see `count_colours`.
    Call arguments:
        inputs: the truth, uint8 (B, H, W, 3), and predicted ab, (B, H, W, 2) in Lab units.
    Returns:
        float32 (B,) each:
        `ab_rmse`, `ab_mae`: over pixels and both channels, Lab units, before rounding to RGB.
        `rgb_rmse`: 0..255, of uint8 RGB painted with the true lightness, rounded and clipped to the gamut; so are
        the next ones.
        `ssim`, `ciede2000`; `colorfulness` and `colorfulness_abs` of it, and both of the truth (`..._truth`).
        `auc`, and `auc_balanced` with `balance_weight`: the area weighted by the colour balance of all photos, and
        what the photo counts in the mean of all.
    """

    def __init__(self, pixels_per_bin: np.ndarray) -> None:
        super().__init__(name="photo_metrics", dtype="float32")
        self.weights_of_bins = balancing_weights(pixels_per_bin)

    def call(self, inputs: Sequence[Any]) -> dict[str, PerPhoto]:
        """See the class."""
        rgb, ab = inputs
        lab = rgb_to_lab(rgb)
        painted = compose(lab[..., :1], ab)
        return {
            **self._errors(rgb, painted, lab[..., 1:], ab),
            "ssim": ssim(rgb, painted),
            "ciede2000": ops.mean(ciede2000(lab, rgb_to_lab(painted)), axis=(1, 2)),
            **_both("", painted),
            **_both("_truth", rgb),
            **{name: function(rgb, painted) for name, function in PER_PHOTO.items()},
        }

    def _errors(self, rgb: RgbPhotos, painted: RgbPhotos, ab_true: AbPhotos, ab: AbPhotos) -> dict[str, PerPhoto]:
        error = ab_true - ab
        off = ops.cast(rgb, "float32") - ops.cast(painted, "float32")
        area = pixel_auc(ab_true, ab)
        weight = ops.take(self.weights_of_bins, colour_bin(ab_true))
        mean_weight = ops.mean(weight, axis=(1, 2))
        return {
            "ab_rmse": ops.sqrt(ops.mean(ops.square(error), axis=(1, 2, 3))),
            "ab_mae": ops.mean(ops.abs(error), axis=(1, 2, 3)),
            "rgb_rmse": ops.sqrt(ops.mean(ops.square(off), axis=(1, 2, 3))),
            "auc": ops.mean(area, axis=(1, 2)),
            "auc_balanced": ops.mean(area * weight, axis=(1, 2)) / mean_weight,
            "balance_weight": mean_weight,
        }


def _both(suffix: str, rgb: RgbPhotos) -> dict[str, PerPhoto]:
    papers, with_absolute = colorfulness(rgb)
    return {f"colorfulness{suffix}": papers, f"colorfulness_abs{suffix}": with_absolute}


class ColourBins(keras.Model):
    """The bin of colour of each pixel, uint8 (B, H, W, 3) -> int32 (B, H, W); `predict_on_batch` runs it compiled."""

    def call(self, rgb: RgbPhotos) -> BinOfPixel:
        """See the class."""
        return colour_bin(rgb_to_lab(rgb)[..., 1:])


def count_colours(photos: Iterable[np.ndarray], xla: bool = False) -> np.ndarray:
    """How many pixels of each bin of colour some photos have: batches of uint8 (B, H, W, 3) -> int (BINS,)."""
    bins = ColourBins()
    bins.jit_compile = xla
    counts = np.zeros(BINS, int)
    for rgb in photos:
        counts += np.bincount(bins.predict_on_batch(rgb).ravel(), minlength=BINS)
    return counts
