"""Predictors over photos: what is measured does not depend on the batches."""

import numpy as np
import pytest
from skimage import color as reference

from colorize.evaluation.predictors import run_predictors

pytestmark = pytest.mark.once


def test_numbers_do_not_depend_on_the_batches(config_of, photos_of, noise):
    photos = photos_of(noise(7, 16, 32))
    rng = np.random.default_rng(0)
    colours = {photo.tobytes(): rng.normal(0, 20, (16, 32, 2)).astype("float32") for photo in photos.fitted()}
    predictors = {"ours": lambda rgb: np.stack([colours[photo.tobytes()] for photo in rgb])}
    steps = []
    results = [run_predictors(predictors, photos, config_of().evaluation, size, steps.append) for size in (3, 7, 100)]
    assert sum(steps) == 3 * 2 * 7
    for other in results[1:]:
        for name, values in results[0].values["ours"].items():
            np.testing.assert_allclose(other.values["ours"][name], values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_perceptual_metrics_join_the_others(config_of, photos_of, noise, monkeypatch):
    from colorize.metrics.perceptual import fid, lpips

    class Distances:
        def __init__(self, path):
            assert path == "weights"

        def distances(self, rgb, painted):
            return np.abs(rgb.astype(float) - painted).mean(axis=(1, 2, 3))

    monkeypatch.setattr(lpips, "Lpips", Distances)
    monkeypatch.setattr(
        fid, "InceptionFeatures", lambda path: lambda rgb: rgb.reshape(len(rgb), -1)[:, :5].astype(float)
    )
    evaluation = config_of("evaluation.lpips_weights=weights").evaluation.model_copy(update={"perceptual": True})
    photos = photos_of(noise(9, 16, 32))
    truth = lambda rgb: reference.rgb2lab(rgb)[..., 1:].astype("float32")  # noqa: E731
    grey = lambda rgb: np.zeros((*rgb.shape[:3], 2), "float32")  # noqa: E731
    measured = run_predictors({"grey": grey, "ours": truth}, photos, evaluation, 4, lambda done: None)
    assert measured.metrics["ours"]["lpips"] < 0.1 < measured.metrics["grey"]["lpips"]
    assert abs(measured.metrics["ours"]["fid"]) < 1 < measured.metrics["grey"]["fid"]
    assert measured.values["grey"]["lpips"].shape == (9,)
