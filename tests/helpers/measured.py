"""What is measured of photos: by our metrics, by scikit-image, and by hand."""

import numpy as np
from skimage.metrics import structural_similarity

from colorize.metrics.per_photo import PhotoMetrics, count_colours


def numbers(rgb, ab):
    values = PhotoMetrics(count_colours([rgb])).predict_on_batch([rgb, ab])
    return {name: np.asarray(value, "float64") for name, value in values.items()}


def ssim_of(picture, other):
    return structural_similarity(
        picture, other, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=-1
    )


def colorfulness_of(picture, first=lambda values: values):
    rg, yb = [], []
    for r, g, b in picture.reshape(-1, 3).astype(float):
        rg.append(r - g)
        yb.append((r + g) / 2 - b)
    rg, yb = first(np.array(rg)), first(np.array(yb))
    return np.hypot(np.std(rg), np.std(yb)) + 0.3 * np.hypot(np.mean(rg), np.mean(yb))
