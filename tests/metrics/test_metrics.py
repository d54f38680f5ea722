"""Metrics against scikit-image, published pairs, NumPy and hand-made cases; baselines against hand computations."""

import numpy as np
import pytest
from skimage import color as reference
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from colorize.color import compose
from colorize.metrics.auc import BINS, balancing_weights, colour_bin, pixel_auc
from colorize.metrics.baselines import Baselines
from colorize.metrics.ciede2000 import ciede2000
from colorize.metrics.colorfulness import colorfulness
from colorize.metrics.per_photo import PhotoMetrics, count_colours
from colorize.metrics.ssim import ssim
from colorize.metrics.summary import METRICS, pooled


@pytest.fixture
def rgb(noise):
    return noise(5, 14, 23)


@pytest.fixture
def predicted(rgb):
    """ab of another colour than the truth's, (5, 14, 23, 2)."""
    return (reference.rgb2lab(rgb)[..., 1:] * 0.5 + np.array([3.0, -5.0])).astype("float32")


@pytest.fixture
def painted(rgb, predicted):
    """By scikit-image, uint8."""
    lab = np.concatenate([reference.rgb2lab(rgb)[..., :1], predicted], axis=-1)
    return np.round(reference.lab2rgb(lab) * 255).astype("uint8")


def numbers(rgb, ab):
    values = PhotoMetrics(count_colours([rgb])).predict_on_batch([rgb, ab])
    return {name: np.asarray(value, "float64") for name, value in values.items()}


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


# Sharma, Wu and Dalal 2005, table 1: pairs that reach every branch of the formula, and their difference.
PUBLISHED = [
    (50.0, 2.6772, -79.7751, 50.0, 0.0, -82.7485, 2.0425),
    (50.0, 3.1571, -77.2803, 50.0, 0.0, -82.7485, 2.8615),
    (50.0, 2.8361, -74.0200, 50.0, 0.0, -82.7485, 3.4412),
    (50.0, -1.3802, -84.2814, 50.0, 0.0, -82.7485, 1.0000),
    (50.0, -1.1848, -84.8006, 50.0, 0.0, -82.7485, 1.0000),
    (50.0, -0.9009, -85.5211, 50.0, 0.0, -82.7485, 1.0000),
    (50.0, 0.0, 0.0, 50.0, -1.0, 2.0, 2.3669),
    (50.0, -1.0, 2.0, 50.0, 0.0, 0.0, 2.3669),
    (50.0, 2.4900, -0.0010, 50.0, -2.4900, 0.0009, 7.1792),
    (50.0, 2.4900, -0.0010, 50.0, -2.4900, 0.0011, 7.2195),
    (50.0, -0.0010, 2.4900, 50.0, 0.0009, -2.4900, 4.8045),
    (50.0, -0.0010, 2.4900, 50.0, 0.0011, -2.4900, 4.7461),
    (50.0, 2.5, 0.0, 50.0, 0.0, -2.5, 4.3065),
    (50.0, 2.5, 0.0, 73.0, 25.0, -18.0, 27.1492),
    (50.0, 2.5, 0.0, 61.0, -5.0, 29.0, 22.8977),
    (50.0, 2.5, 0.0, 56.0, -27.0, -3.0, 31.9030),
    (50.0, 2.5, 0.0, 58.0, 24.0, 15.0, 19.4535),
    (50.0, 2.5, 0.0, 50.0, 3.1736, 0.5854, 1.0000),
    (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
    (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
    (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
    (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
    (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
    (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
    (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
    (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
    (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
]


def test_ciede2000_gives_the_published_differences():
    pairs = np.array(PUBLISHED, "float32")
    np.testing.assert_allclose(np.asarray(ciede2000(pairs[:, :3], pairs[:, 3:6])), pairs[:, 6], atol=1e-3)
    np.testing.assert_allclose(np.asarray(ciede2000(pairs[:, 3:6], pairs[:, :3])), pairs[:, 6], atol=1e-3)
    assert np.asarray(ciede2000(pairs[:, :3], pairs[:, :3])).max() == 0


def test_ciede2000_is_scikit_images_on_any_colours():
    rng = np.random.default_rng(0)
    one, other = (rng.uniform([0, -100, -100], [100, 100, 100], (4000, 3)).astype("float32") for _ in "ab")
    np.testing.assert_allclose(np.asarray(ciede2000(one, other)), reference.deltaE_ciede2000(one, other), atol=2e-3)


@pytest.mark.parametrize("longest", [256, 8])
def test_both_ways_to_blur_give_scikit_images_ssim(longest, noise, monkeypatch):
    monkeypatch.setattr("colorize.metrics.ssim.LONGEST_BANDED", longest)
    rgb = noise(2, 13, 30)
    other = (rgb * 0.7 + 20).astype("uint8")
    expected = [ssim_of(*pair) for pair in zip(rgb, other)]
    np.testing.assert_allclose(np.asarray(ssim(rgb, other)), expected, atol=1e-4)


def test_ssim_of_a_picture_smaller_than_its_window_is_not_a_number(noise):
    assert np.isnan(np.asarray(ssim(noise(2, 10, 30), noise(2, 10, 30)))).all()


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


def test_grey_has_no_colorfulness_and_the_variant_is_never_larger(noise):
    grey = colorfulness(np.full((1, 4, 6, 3), 77, "uint8"))
    assert [float(np.asarray(value)[0]) for value in grey] == [0, 0]
    papers, with_absolute = (np.asarray(value) for value in colorfulness(noise(6, 7, 9)))
    assert (with_absolute < papers).all()


def test_paint_keeps_the_lightness_inside_the_gamut(rgb):
    lab = reference.rgb2lab(rgb)
    dull = np.asarray(compose(lab[..., :1], lab[..., 1:] * 0.2))
    np.testing.assert_allclose(reference.rgb2lab(dull)[..., 0], lab[..., 0], atol=0.6)  # of rounding to uint8


def test_baselines_know_the_training_photos_only(noise):
    train, other = noise(4, 6, 10)[:3], np.full((1, 6, 10, 3), 255, "uint8") - noise(1, 6, 10)
    baselines = Baselines.learned(iter([train[:2], train[2:]]))
    assert not baselines.grey(other).any() and baselines.grey(other).shape == (1, 6, 10, 2)
    mean = reference.rgb2lab(train).reshape(-1, 3)[:, 1:].mean(axis=0)
    np.testing.assert_allclose(baselines.mean_ab(other), np.broadcast_to(mean, (1, 6, 10, 2)), atol=1e-4)


def test_ab_given_lightness_is_the_mean_of_its_bin_and_the_mean_ab_where_nothing_was_seen():
    dark, light = [10, 10, 60], [230, 220, 120]
    baselines = Baselines.learned([np.array([[[dark, dark, light]]], "uint8")])
    lab = reference.rgb2lab(np.array([[dark, light]], "uint8"))[0]
    grey_of = lambda lightness: np.round(reference.lab2rgb([[[lightness, 0, 0]]])[0, 0] * 255).astype("uint8")  # noqa: E731
    asked = np.array([[[grey_of(lab[0, 0]), grey_of(lab[1, 0]), [128, 128, 128]]]], "uint8")
    expected = [lab[0, 1:], lab[1, 1:], (2 * lab[0, 1:] + lab[1, 1:]) / 3]
    np.testing.assert_allclose(baselines.ab_given_lightness(asked)[0, 0], expected, atol=1e-3)


def test_knowing_more_never_hurts_on_the_training_photos(noise):
    train = noise(6, 8, 12) // 2 + np.array([60, 20, 0], "uint8")
    predictors = Baselines.learned([train]).predictors
    errors = {name: pooled(numbers(train, predict(train)))["ab_rmse"] for name, predict in predictors.items()}
    assert errors["ab_given_lightness"] <= errors["mean_ab"] <= errors["grey"]
