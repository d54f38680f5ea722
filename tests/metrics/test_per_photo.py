"""Metrics of each photo, against scikit-image and NumPy."""

import numpy as np
import pytest
from measured import colorfulness_of, numbers, ssim_of
from skimage import color as reference


def test_the_numbers_of_each_photo_are_those_of_scikit_image(rgb, predicted, painted):
    values = numbers(rgb, predicted)
    lab = reference.rgb2lab(rgb)
    for i in range(len(rgb)):
        error = lab[i, ..., 1:] - predicted[i]
        assert values["ab_rmse"][i] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-4)
        assert values["ab_mae"][i] == pytest.approx(np.abs(error).mean(), rel=1e-4)
        mse = (rgb[i].astype(float) - painted[i]).ravel()
        assert values["rgb_rmse"][i] == pytest.approx(np.sqrt((mse**2).mean()), rel=1e-3)
        assert values["ssim"][i] == pytest.approx(ssim_of(rgb[i], painted[i]), abs=1e-4)
        difference = reference.deltaE_ciede2000(lab[i], reference.rgb2lab(painted[i])).mean()
        assert values["ciede2000"][i] == pytest.approx(difference, abs=2e-3)
        for name, picture in (("colorfulness{}", painted[i]), ("colorfulness{}_truth", rgb[i])):
            assert values[name.format("")][i] == pytest.approx(colorfulness_of(picture), rel=1e-3)
            assert values[name.format("_abs")][i] == pytest.approx(colorfulness_of(picture, np.abs), rel=1e-3)
