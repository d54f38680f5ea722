"""The area under the curve of errors, and the balance of colours, against NumPy and hand-made cases."""

import numpy as np
import pytest
from measured import numbers
from skimage import color as reference

from colorize.metrics.auc import BINS, balancing_weights, colour_bin, pixel_auc
from colorize.metrics.per_photo import count_colours
from colorize.metrics.summary import pooled


def auc_by_histogram(distances, weights=None):
    """The curve at 0, 1, ..., 150, and its area by trapezoids."""
    weights = np.ones_like(distances) if weights is None else weights
    curve = [np.sum(weights[distances <= t]) / np.sum(weights) for t in range(151)]
    return np.trapezoid(curve) / 150


def test_auc_is_the_area_under_the_curve():
    rng = np.random.default_rng(0)
    distances = np.concatenate([rng.uniform(0, 170, 500), [0, 0, 1, 1.5, 149.5, 150, 150.5, 400]])
    angle = rng.uniform(0, 2 * np.pi, len(distances))
    truth = rng.uniform(-50, 50, (len(distances), 2))
    predicted = truth + distances[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    exact = np.isin(distances, [1, 150])
    predicted[exact] = truth[exact] = 0
    predicted[exact, 0] = distances[exact]  # whole distances, which must not be rounded past a step of the curve
    measured = np.asarray(pixel_auc(truth.astype("float32"), predicted.astype("float32"))).mean()
    assert measured == pytest.approx(auc_by_histogram(distances), abs=1e-5)


def test_balanced_auc_weighs_each_colour_alike(rgb, predicted):
    lab = reference.rgb2lab(rgb)
    bins = np.round(lab[..., 1:] / 10).astype(int)
    names, of_pixel, counts = np.unique(bins.reshape(-1, 2), axis=0, return_inverse=True, return_counts=True)
    distances = np.linalg.norm(lab[..., 1:] - predicted, axis=-1).ravel()
    expected = auc_by_histogram(distances, 1 / counts[of_pixel.ravel()])
    values = numbers(rgb, predicted)
    assert pooled(values)["auc_balanced"] == pytest.approx(expected, abs=1e-3)
    assert pooled(values)["auc"] == pytest.approx(auc_by_histogram(distances), abs=1e-3)
    assert len(names) == np.count_nonzero(count_colours([rgb]))
    assert values["balance_weight"].mean() == pytest.approx(1, abs=1e-5)


def test_bins_of_colour_are_centred_on_tens():
    ab = np.array([[0, 0], [4.9, -4.9], [5.1, 0], [-110, 110], [300, -300]], "float32")
    bins = np.asarray(colour_bin(ab))
    assert bins[0] == bins[1] == 11 * 23 + 11 and bins[2] == 12 * 23 + 11
    assert bins[3] == 22 and bins[4] == 22 * 23 and (bins >= 0).all() and (bins < BINS).all()


def test_weights_are_the_inverse_of_the_share():
    counts = np.zeros(BINS)
    counts[[3, 7]] = 30, 10
    weights = balancing_weights(counts)
    assert weights[7] == pytest.approx(3 * weights[3]) and weights.sum() == weights[3] + weights[7]
    assert (counts * weights).sum() / counts.sum() == pytest.approx(1)
