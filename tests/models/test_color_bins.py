"""Bins of colour: each formula against loops in NumPy, the bins against scikit-image."""

import numpy as np
import pytest
from bins_by_hand import CENTRES, HEAD, SHARES, random_ab, targets_by_hand, weights_by_hand
from keras import ops
from skimage import color as reference

from colorize.models.color_bins import Bins, bins_of, rebalancing, soft_targets, standard_bins


@pytest.mark.parametrize("neighbours", [1, 3, 6])
def test_soft_targets_are_a_gaussian_over_the_nearest_bins(neighbours):
    ab = random_ab(3, 4)
    shared = ops.convert_to_numpy(soft_targets(ab, CENTRES, neighbours, 15.0))
    for place in np.ndindex(3, 4):
        np.testing.assert_allclose(shared[place], targets_by_hand(ab[place], neighbours, 15.0), atol=1e-5)


@pytest.mark.parametrize("uniform", [0.0, 0.5, 1.0])
def test_rebalancing_is_the_inverse_of_the_smoothed_frequency(uniform):
    smoothed, expected = weights_by_hand(12.0, uniform)
    weights = rebalancing(Bins(CENTRES, SHARES), 12.0, uniform)
    np.testing.assert_allclose(weights, expected, rtol=1e-9)
    assert (smoothed * weights).sum() == pytest.approx(1)
    if uniform == 1.0:
        np.testing.assert_allclose(weights, weights[0])
    else:
        assert weights[4] > weights[0], "what is rare counts more"


def test_bins_of_photos_are_those_that_occur(photos_of, noise):
    rgb = noise(3, 8, 12)
    rgb[0] = 128  # a grey photo counts too
    bins = bins_of(photos_of(rgb), HEAD)
    ab = reference.rgb2lab(rgb)[..., 1:].reshape(-1, 2)
    cells, counts = np.unique(np.rint(ab / 10).astype(int), axis=0, return_counts=True)
    np.testing.assert_array_equal(bins.centres, cells * 10.0)
    np.testing.assert_allclose(bins.shares, counts / counts.sum())


def test_the_standard_bins_hold_every_colour(photos_of):
    standard = {tuple(centre) for centre in standard_bins()}
    assert len(standard) == 313
    cube = np.stack(np.meshgrid(*[np.arange(0, 256, 3)] * 3), axis=-1).astype("uint8").reshape(86, -1, 86, 3)
    bins = bins_of(photos_of(cube), HEAD.model_copy(update={"bins": "standard"}))
    assert len(bins) == 313 and bins.shares.sum() == pytest.approx(1)
    assert {tuple(c) for c in bins_of(photos_of(cube), HEAD).centres} <= standard
