"""From the numbers of each photo to those of a set, and how they are called."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from colorize.arrays import PerPhoto, RgbPhotos

Values = dict[str, np.ndarray]
"""Name -> float64 (N,), a number per photo, as `PhotoMetrics` returns them."""


@dataclass(frozen=True)
class Metric:
    """A metric of a set of photos.

    Attributes:
        title: as tables show it.
        decimals: that are shown.
        better: "low", "high", or "" where neither is better by itself.
        meaning: in a sentence, for people who meet it the first time.
    """

    title: str
    decimals: int
    better: str
    meaning: str = ""

    @property
    def with_arrow(self) -> str:
        """The title, and an arrow to where better values lie."""
        return self.title + {"low": " ↓", "high": " ↑", "": ""}[self.better]


_PSNR = "Peak signal-to-noise ratio of the RGB picture, in decibels; of an error pooled over all photos."
_COLORFULNESS = "How strong the colours are (Hasler and Süsstrunk 2003); compare it with that of the photos themselves."
_ABSOLUTE = "The same from absolute differences of the channels, as some papers compute it."

METRICS = {
    "ab_rmse": Metric(
        "ab RMSE", 3, "low", "Root mean squared error of a and b, in Lab units; it favours pale, safe colours."
    ),
    "ab_mae": Metric("ab MAE", 3, "low", "Mean absolute error of a and b, in Lab units."),
    "psnr_pooled": Metric("PSNR pooled", 3, "high", _PSNR),
    "psnr_per_image": Metric("PSNR per image", 3, "high", "The mean of each photo's own PSNR, exact matches left out."),
    "exact_matches": Metric("exact matches", 0, "", "Photos that were hit exactly, such as grey ones by grey."),
    "ssim": Metric("SSIM", 4, "high", "Structural similarity of the RGB picture: local contrast and pattern."),
    "ciede2000": Metric("CIEDE2000", 3, "low", "Mean colour difference as people perceive it; about 2 is just seen."),
    "auc": Metric("AuC", 4, "high", "Share of pixels whose ab error is below 0, 1, ... 150, averaged."),
    "auc_balanced": Metric("AuC balanced", 4, "high", "The same, where rare colours count as much as common ones."),
    "colorfulness": Metric("colorfulness", 2, "", _COLORFULNESS),
    "colorfulness_abs": Metric("colorfulness |.|", 2, "", _ABSOLUTE),
    "delta_colorfulness": Metric("ΔCF of means", 2, "low", "Mean colorfulness against that of the photos themselves."),
    "delta_colorfulness_per_image": Metric(
        "ΔCF per image", 2, "low", "The mean difference of each photo's colorfulness from its own."
    ),
    "delta_colorfulness_abs": Metric("ΔCF of means |.|", 2, "low", _ABSOLUTE),
    "delta_colorfulness_abs_per_image": Metric("ΔCF per image |.|", 2, "low", _ABSOLUTE),
    "lpips": Metric("LPIPS", 4, "low", "Distance of a network's features, close to what people judge as alike."),
    "fid": Metric("FID", 2, "low", "Distance between the distributions of painted and of real photos."),
}
"""Name -> metric, in the order of tables. LPIPS and FID are there where they were asked for."""


PerPhotoMetric = Callable[[RgbPhotos, RgbPhotos], PerPhoto]

PER_PHOTO: dict[str, PerPhotoMetric] = {}
"""Name -> function of the metrics that `metric` added."""


def metric(
    name: str, title: str, decimals: int, better: str, meaning: str = ""
) -> Callable[[PerPhotoMetric], PerPhotoMetric]:
    """Adds a metric: the mean over photos of a function in `keras.ops`.

    It takes the truth and what was painted with its lightness, uint8 (B, H, W, 3) both, and returns float32 (B,).

    Args:
        name: in files and in MLflow.
        title, decimals, better, meaning: as of `Metric`.
    """

    def register(function: PerPhotoMetric) -> PerPhotoMetric:
        METRICS[name], PER_PHOTO[name] = Metric(title, decimals, better, meaning), function
        return function

    return register


OURS = "ours"
"""The model among the predictors."""

BASELINES = {"grey": "grey (ab = 0)", "mean_ab": "mean ab", "ab_given_lightness": "E[ab given L]"}
"""Each baseline as tables show it."""


def gain_over(error: float, baselines: Iterable[float]) -> float:
    """Share by which an error is below the smallest of the baselines'; NaN where there are none."""
    return 1 - error / min(baselines, default=math.nan)


def gain_in_words(gain: float) -> str:
    """The same as people say it."""
    return f"{abs(gain):.1%} {'below' if gain > 0 else 'above'} the best trivial baseline"


def pooled(values: Values, axis: int = -1) -> dict[str, np.ndarray]:
    """The metrics of all photos together, from what each has; along `axis`, so that resamples can be summed at once.

    - `ab_rmse`, `psnr_pooled`: from the mean squared error over every pixel of every photo (all have the same number).
    - `psnr_per_image`: the mean over photos; exact matches, whose PSNR is infinite, are left out and counted.
    - `delta_colorfulness`: |mean - mean of the truth|, DDColor's; `..._per_image`: the mean of |photo - its truth|.
    - all others: the mean over photos, of `auc_balanced` weighted.
    """

    def mean(name: str) -> np.ndarray:
        return np.asarray(np.mean(values[name], axis=axis))

    result = {"ab_rmse": np.sqrt(np.mean(values["ab_rmse"] ** 2, axis=axis)), "ab_mae": mean("ab_mae")}
    exact = values["rgb_rmse"] == 0
    result["psnr_pooled"] = decibels(np.sqrt(np.mean(values["rgb_rmse"] ** 2, axis=axis)))
    finite = np.where(exact, 0.0, decibels(np.where(exact, 1.0, values["rgb_rmse"])))
    inexact = (~exact).sum(axis=axis)
    result["psnr_per_image"] = np.where(inexact, finite.sum(axis=axis) / np.maximum(inexact, 1), np.inf)
    result["exact_matches"] = exact.sum(axis=axis)
    result |= {name: mean(name) for name in ("ssim", "ciede2000", "auc")}
    weight = values["balance_weight"]
    result["auc_balanced"] = (values["auc_balanced"] * weight).sum(axis=axis) / weight.sum(axis=axis)
    for name in ("colorfulness", "colorfulness_abs"):
        result[name] = mean(name)
        result[f"delta_{name}"] = np.abs(mean(name) - mean(f"{name}_truth"))
        result[f"delta_{name}_per_image"] = np.mean(np.abs(values[name] - values[f"{name}_truth"]), axis=axis)
    result |= {name: mean(name) for name in ("lpips", *PER_PHOTO) if name in values}
    return {name: np.asarray(result[name]) for name in METRICS if name in result}


def decibels(rgb_rmse: ArrayLike) -> np.ndarray:
    """PSNR of an error in 0..255; infinite for none."""
    with np.errstate(divide="ignore"):
        return np.asarray(20.0 * np.log10(255.0 / np.asarray(rgb_rmse, "float64")))


def shown(name: str, value: float | None) -> str:
    """A number as tables show it."""
    return "" if value is None else f"{value:.{METRICS[name].decimals}f}"
