"""The structural similarity, against scikit-image."""

import numpy as np
import pytest
from measured import ssim_of

from colorize.metrics.ssim import ssim


@pytest.mark.parametrize("longest", [256, 8])
def test_both_ways_to_blur_give_scikit_images_ssim(longest, noise, monkeypatch):
    monkeypatch.setattr("colorize.metrics.ssim.LONGEST_BANDED", longest)
    rgb = noise(2, 13, 30)
    other = (rgb * 0.7 + 20).astype("uint8")
    expected = [ssim_of(*pair) for pair in zip(rgb, other)]
    np.testing.assert_allclose(np.asarray(ssim(rgb, other)), expected, atol=1e-4)


def test_ssim_of_a_picture_smaller_than_its_window_is_not_a_number(noise):
    assert np.isnan(np.asarray(ssim(noise(2, 10, 30), noise(2, 10, 30)))).all()
