"""What people look at: a comparison grid holds the photo in grey, as predicted and as it was."""

import numpy as np
import pytest
from skimage import color as reference

from colorize.image_grid import GAP, comparison_grid


@pytest.mark.parametrize(("size", "axis"), [((6, 10), 0), ((10, 6), 1)])
def test_a_comparison_grid_is_grey_ours_truth_along_the_shorter_side(size, axis, noise):
    rgb = noise(*size)
    picture = np.moveaxis(comparison_grid(rgb, reference.rgb2lab(rgb)[..., 1:]), axis, 0).astype(int)
    photo = np.moveaxis(rgb, axis, 0).astype(int)
    short = min(size)
    assert len(picture) == 3 * short + 2 * GAP
    grey, ours, truth = [picture[start : start + short] for start in range(0, len(picture), short + GAP)]
    np.testing.assert_array_equal(truth, photo)
    np.testing.assert_allclose(ours, photo, atol=1)
    assert np.ptp(grey, axis=-1).max() <= 1 and np.ptp(photo, axis=-1).max() > 100
    assert (picture[short : short + GAP] == 255).all()
