"""Metrics of a colorizer and the trivial baselines that it must beat. Definitions: docstring of `Totals.metrics`."""

from dataclasses import dataclass

import numpy as np
from keras import ops

from colorize.color import lab_to_rgb, rgb_to_lab, to_uint8

LIGHTNESS_BINS = 101  # one per integer L in 0..100


@dataclass
class Totals:
    """Sums over the pictures seen so far, in float64."""

    pictures: int = 0
    values: int = 0
    ab_squared: float = 0.0
    ab_absolute: float = 0.0
    rgb_squared: float = 0.0
    colorfulness: float = 0.0
    colorfulness_truth: float = 0.0

    def add(self, rgb: np.ndarray, ab_predicted) -> None:
        """Adds pictures.

        Args:
            rgb: the truth, uint8 (N, H, W, 3).
            ab_predicted: (N, H, W, 2), Lab units.
        """
        lab = rgb_to_lab(rgb)
        painted = ops.convert_to_numpy(paint(lab[..., :1], ab_predicted))
        error = _float64(lab[..., 1:]) - _float64(ab_predicted)
        self.pictures += len(rgb)
        self.values += error.size
        self.ab_squared += float(np.sum(error**2))
        self.ab_absolute += float(np.sum(np.abs(error)))
        self.rgb_squared += float(np.sum((_float64(rgb) - _float64(painted)) ** 2))
        self.colorfulness += float(np.sum(colorfulness(painted)))
        self.colorfulness_truth += float(np.sum(colorfulness(rgb)))

    def metrics(self) -> dict[str, float]:
        """The metrics of all pictures together.

        - `ab_rmse`, `ab_mae`: over all pixels and both channels, Lab units, before rounding to RGB.
        - `psnr_pooled`: 10 log10(255^2 / mean squared error over all RGB values of all pictures), dB, of uint8 RGB
          painted with the true lightness and clipped to the gamut; infinite for an exact match.
        - `colorfulness`: mean over pictures of the same uint8 RGB.
        """
        rgb_mse = self.rgb_squared / (self.values * 3 / 2)
        return {
            "ab_rmse": float(np.sqrt(self.ab_squared / self.values)),
            "ab_mae": self.ab_absolute / self.values,
            "psnr_pooled": float(10 * np.log10(255**2 / rgb_mse)) if rgb_mse else float("inf"),
            "colorfulness": self.colorfulness / self.pictures,
        }


def paint(lightness, ab):
    """Lightness (..., 1) and ab (..., 2) in Lab units -> uint8 RGB (..., 3), clipped to the gamut."""
    return to_uint8(lab_to_rgb(ops.concatenate([ops.cast(lightness, "float32"), ops.cast(ab, "float32")], axis=-1)))


def colorize_lightness(rgb: np.ndarray, ab) -> np.ndarray:
    """The lightness of a photo, uint8 (..., 3), under other colours, (..., 2) in Lab units; uint8 (..., 3)."""
    return ops.convert_to_numpy(paint(rgb_to_lab(rgb)[..., :1], ab))


def colorfulness(rgb: np.ndarray) -> np.ndarray:
    """Colorfulness M of each picture (Hasler and Suesstrunk 2003, section 7): uint8 (N, H, W, 3) -> float64 (N,).

    With rg = R - G and yb = (R + G) / 2 - B: sqrt(var rg + var yb) + 0.3 sqrt(mean rg^2 + mean yb^2). 0 is grey;
    the authors call 15 slightly, 33 moderately, 59 quite and 109 extremely colourful.
    """
    red, green, blue = np.moveaxis(_float64(rgb), -1, 0)
    opponents = np.stack([red - green, (red + green) / 2 - blue])  # (2, N, H, W)
    spread = np.sqrt(opponents.var(axis=(2, 3)).sum(axis=0))
    shift = np.sqrt((opponents.mean(axis=(2, 3)) ** 2).sum(axis=0))
    return spread + 0.3 * shift


def evaluate(predict, rgb: np.ndarray, batch_size: int = 64) -> tuple[dict[str, float], float]:
    """Metrics of a predictor on photos.

    Args:
        predict: uint8 RGB (B, H, W, 3) -> ab (B, H, W, 2) in Lab units; it may look at the lightness only.
        rgb: uint8 (N, H, W, 3).
    Returns:
        the metrics, and the colorfulness of the truth.
    """
    totals = Totals()
    for start in range(0, len(rgb), batch_size):
        batch = rgb[start : start + batch_size]
        totals.add(batch, predict(batch))
    return totals.metrics(), totals.colorfulness_truth / totals.pictures


class Baselines:
    """What can be predicted without a network, learned from training photos: uint8 (N, H, W, 3)."""

    def __init__(self, train_rgb: np.ndarray):
        lab = _float64(rgb_to_lab(train_rgb)).reshape(-1, 3)
        self.mean = lab[:, 1:].mean(axis=0)
        bins = _lightness_bin(lab[:, 0])
        pixels = np.bincount(bins, minlength=LIGHTNESS_BINS)[:, None]
        sums = np.stack([np.bincount(bins, lab[:, c], LIGHTNESS_BINS) for c in (1, 2)], axis=-1)
        self.by_lightness = np.where(pixels > 0, sums / np.maximum(pixels, 1), self.mean)

    def grey(self, rgb):
        """ab = 0."""
        return np.zeros((*rgb.shape[:3], 2), "float32")

    def mean_ab(self, rgb):
        """The mean colour of the training photos everywhere."""
        return np.broadcast_to(self.mean.astype("float32"), (*rgb.shape[:3], 2))

    def ab_given_lightness(self, rgb):
        """E[ab given L]: the mean colour of the training pixels of the same integer lightness."""
        lightness = _float64(rgb_to_lab(rgb)[..., 0])
        return self.by_lightness[_lightness_bin(lightness)].astype("float32")

    def evaluate(self, rgb: np.ndarray) -> dict[str, dict[str, float]]:
        """The metrics of each baseline on photos, uint8 (N, H, W, 3)."""
        predictors = {"grey": self.grey, "mean_ab": self.mean_ab, "ab_given_lightness": self.ab_given_lightness}
        return {name: evaluate(predict, rgb)[0] for name, predict in predictors.items()}


def _lightness_bin(lightness: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(lightness), 0, LIGHTNESS_BINS - 1).astype(int)


def _float64(values) -> np.ndarray:
    return ops.convert_to_numpy(values).astype("float64")
