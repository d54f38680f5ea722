"""Metrics of many photos, pooled from those of each: against scikit-image, NumPy and hand-made cases."""

import numpy as np
import pytest
from measured import colorfulness_of, numbers
from skimage import color as reference
from skimage.metrics import peak_signal_noise_ratio

from colorize.metrics.summary import METRICS, pooled


def test_pooled_metrics_are_those_of_all_pixels_together(rgb, predicted, painted):
    metrics = pooled(numbers(rgb, predicted))
    error = reference.rgb2lab(rgb)[..., 1:] - predicted
    assert metrics["ab_rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)
    assert metrics["ab_mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert metrics["psnr_pooled"] == pytest.approx(peak_signal_noise_ratio(rgb, painted), abs=2e-3)
    each = [peak_signal_noise_ratio(*pair) for pair in zip(rgb, painted)]
    assert metrics["psnr_per_image"] == pytest.approx(np.mean(each), abs=2e-3)
    ours, truth = ([colorfulness_of(p) for p in pictures] for pictures in (painted, rgb))
    assert metrics["delta_colorfulness"] == pytest.approx(abs(np.mean(ours) - np.mean(truth)), rel=1e-3)
    expected = np.mean(np.abs(np.subtract(ours, truth)))
    assert metrics["delta_colorfulness_per_image"] == pytest.approx(expected, rel=1e-3)
    assert set(metrics) == set(METRICS) - {"lpips", "fid"}


def test_the_two_delta_colorfulness_are_two_numbers():
    values = {name: np.ones(2) for name in ("ab_rmse", "ab_mae", "rgb_rmse", "ssim", "ciede2000", "auc")}
    values |= {"auc_balanced": np.array([0.5, 1.0]), "balance_weight": np.array([3.0, 1.0])}
    values |= {"colorfulness": np.array([10.0, 30.0]), "colorfulness_truth": np.array([30.0, 10.0])}
    values |= {"colorfulness_abs": np.array([1.0, 2.0]), "colorfulness_abs_truth": np.array([2.0, 4.0])}
    metrics = pooled(values)
    assert metrics["delta_colorfulness"] == 0 and metrics["delta_colorfulness_per_image"] == 20
    assert metrics["delta_colorfulness_abs"] == metrics["delta_colorfulness_abs_per_image"] == 1.5
    assert metrics["auc_balanced"] == pytest.approx((3 * 0.5 + 1.0) / 4)


def test_exact_matches_are_counted_and_left_out(rgb, predicted):
    lab = reference.rgb2lab(rgb)
    mixed = predicted.copy()
    mixed[[1, 3]] = lab[[1, 3], ..., 1:]
    values = numbers(rgb, mixed)
    metrics = pooled(values)
    assert metrics["exact_matches"] == 2
    others = 20 * np.log10(255 / values["rgb_rmse"][[0, 2, 4]])
    assert metrics["psnr_per_image"] == pytest.approx(np.mean(others))
    exact = pooled(numbers(rgb, lab[..., 1:].astype("float32")))
    assert exact["psnr_pooled"] == exact["psnr_per_image"] == np.inf and exact["ab_rmse"] < 1e-3
    assert exact["auc"] == 1 and exact["auc_balanced"] == pytest.approx(1) and exact["ssim"] == pytest.approx(1)


def test_resamples_are_summed_along_the_last_axis(rgb, predicted):
    values = numbers(rgb, predicted)
    rows = np.array([[0, 0, 4, 2, 1], [3, 3, 3, 3, 3]])
    together = pooled({name: column[rows] for name, column in values.items()})
    for i, chosen in enumerate(rows):
        alone = pooled({name: column[chosen] for name, column in values.items()})
        for name, value in alone.items():
            assert together[name][i] == pytest.approx(value), name
