"""Metrics against scikit-image and NumPy, baselines against hand computations."""

import numpy as np
import pytest
from skimage import color as reference
from skimage.metrics import peak_signal_noise_ratio

from colorize.metrics import Baselines, colorfulness, evaluate, paint


@pytest.fixture
def rgb(noise):
    return noise(5, 8, 12)


def test_metrics_of_a_stream_are_those_of_all_pixels_together(rgb):
    shift = np.array([3.0, -5.0])
    lab = reference.rgb2lab(rgb)
    predicted = lab[..., 1:] * 0.5 + shift
    painted = np.round(reference.lab2rgb(np.concatenate([lab[..., :1], predicted], axis=-1)) * 255).astype("uint8")
    batches = iter(np.split(predicted, [2, 4]))
    metrics, truth = evaluate(lambda batch: next(batches).astype("float32"), rgb, batch_size=2)
    error = lab[..., 1:] - predicted
    assert metrics["ab_rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)
    assert metrics["ab_mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert metrics["psnr_pooled"] == pytest.approx(peak_signal_noise_ratio(rgb, painted), abs=1e-3)
    assert metrics["colorfulness"] == pytest.approx(np.mean([colorfulness_by_hand(p) for p in painted]), rel=1e-3)
    assert truth == pytest.approx(np.mean([colorfulness_by_hand(p) for p in rgb]))


def colorfulness_by_hand(picture):
    rg, yb = [], []
    for r, g, b in picture.reshape(-1, 3).astype(float):
        rg.append(r - g)
        yb.append((r + g) / 2 - b)
    return np.hypot(np.std(rg), np.std(yb)) + 0.3 * np.hypot(np.mean(rg), np.mean(yb))


def test_colorfulness_is_hasler_and_suesstrunks(rgb):
    np.testing.assert_allclose(colorfulness(rgb), [colorfulness_by_hand(picture) for picture in rgb])
    assert colorfulness(np.full((1, 4, 6, 3), 77, "uint8")) == 0


def test_an_exact_match_has_infinite_psnr(rgb):
    metrics, _ = evaluate(lambda batch: reference.rgb2lab(batch)[..., 1:], rgb)
    assert metrics["psnr_pooled"] == float("inf") and metrics["ab_rmse"] < 1e-3


def test_paint_keeps_the_lightness_inside_the_gamut(rgb):
    lab = reference.rgb2lab(rgb)
    painted = np.asarray(paint(lab[..., :1], lab[..., 1:] * 0.2))
    np.testing.assert_allclose(reference.rgb2lab(painted)[..., 0], lab[..., 0], atol=0.6)  # of rounding to uint8


def test_baselines_know_the_training_photos_only(noise):
    train, other = noise(4, 6, 10)[:3], np.full((1, 6, 10, 3), 255, "uint8") - noise(1, 6, 10)
    baselines = Baselines(train)
    assert not baselines.grey(other).any() and baselines.grey(other).shape == (1, 6, 10, 2)
    mean = reference.rgb2lab(train).reshape(-1, 3)[:, 1:].mean(axis=0)
    np.testing.assert_allclose(baselines.mean_ab(other), np.broadcast_to(mean, (1, 6, 10, 2)), atol=1e-4)


def test_ab_given_lightness_is_the_mean_of_its_bin_and_the_mean_ab_where_nothing_was_seen():
    dark, light = [10, 10, 60], [230, 220, 120]
    train = np.array([[[dark, dark, light]]], "uint8")
    baselines = Baselines(train)
    lab = reference.rgb2lab(np.array([[dark, light]], "uint8"))[0]
    grey_of = lambda lightness: np.round(reference.lab2rgb([[[lightness, 0, 0]]])[0, 0] * 255).astype("uint8")  # noqa: E731
    asked = np.array([[[grey_of(lab[0, 0]), grey_of(lab[1, 0]), [128, 128, 128]]]])
    expected = [lab[0, 1:], lab[1, 1:], (2 * lab[0, 1:] + lab[1, 1:]) / 3]
    np.testing.assert_allclose(baselines.ab_given_lightness(asked)[0, 0], expected, atol=1e-3)


def test_knowing_more_never_hurts_on_the_training_photos(noise):
    train = noise(6, 8, 12) // 2 + np.array([60, 20, 0], "uint8")
    errors = {name: metrics["ab_rmse"] for name, metrics in Baselines(train).evaluate(train).items()}
    assert errors["ab_given_lightness"] <= errors["mean_ab"] <= errors["grey"]
