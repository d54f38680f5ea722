"""An audit: the metrics that scikit-image has, computed again by it on some of the photos.

Ours are `keras.ops` in float32 on whatever device; scikit-image's are NumPy in float64 on the host.
"""

from collections.abc import Iterable
from importlib.metadata import version

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from colorize.image_grid import colorize_lightness
from colorize.metrics.summary import Values, decibels

MOST_PHOTOS = 16
"""scikit-image takes some tenths of a second for each."""


def differences(photos: Iterable[tuple[int, np.ndarray, np.ndarray]], values: Values) -> dict[str, float]:
    """The largest difference of each metric from scikit-image's.

    Args:
        photos: index, truth, uint8 (H, W, 3), and predicted ab, (H, W, 2) in Lab units.
        values: our numbers of all photos, as `PhotoMetrics` returns them.
    Returns:
        `ab_rmse`, `psnr`, `ssim` (where a side has 11 pixels), `ciede2000`; 0 where all agree to the last digit.
    """
    ours = {**values, "psnr": decibels(values["rgb_rmse"])}
    largest: dict[str, float] = {}
    for index, rgb, ab in photos:
        for name, theirs in reference_metrics(rgb, ab).items():
            difference = 0.0 if theirs == ours[name][index] else abs(theirs - ours[name][index])
            largest[name] = max(largest.get(name, 0.0), float(difference))
    return largest


def reference_metrics(rgb: np.ndarray, ab: np.ndarray) -> dict[str, float]:
    """scikit-image's numbers of one photo under predicted colours."""
    lab, painted = rgb2lab(rgb), colorize_lightness(rgb, ab)
    metrics = {
        "ab_rmse": np.sqrt(np.mean((lab[..., 1:] - ab) ** 2)),
        "ciede2000": deltaE_ciede2000(lab, rgb2lab(painted)).mean(),
        "psnr": np.inf if (rgb == painted).all() else peak_signal_noise_ratio(rgb, painted, data_range=255),
    }
    if min(rgb.shape[:2]) >= 11:
        as_wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
        metrics["ssim"] = structural_similarity(rgb, painted, channel_axis=-1, **as_wang)
    return metrics


def in_words(found: dict[str, float], photos: int) -> str:
    """The differences as a sentence of the protocol."""
    listed = ", ".join(f"{name} {value:.1e}" for name, value in found.items())
    return f"Computed again by scikit-image {version('scikit-image')} on {photos} photos; largest difference: {listed}."
