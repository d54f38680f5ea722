"""Trivial predictors against hand computations."""

import numpy as np
from measured import numbers
from skimage import color as reference

from colorize.metrics.baselines import Baselines
from colorize.metrics.summary import pooled


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
