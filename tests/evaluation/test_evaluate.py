"""Evaluating a model: its numbers are audited; photos are chosen, and batches sized."""

import numpy as np
import pytest
from keras import ops
from messages import refused

from colorize.color import compose_in_gamut, rgb_to_lightness
from colorize.config.compose import composed
from colorize.evaluation import check_perceptual
from colorize.evaluation.evaluate import audited, batch_size_for, extremes_of
from colorize.evaluation.predictors import run_predictors
from colorize.inference.pipeline import ColorizationPipeline
from colorize.inference.predict import predict_ab
from colorize.models.colorizer import Colorizer, build_network

pytestmark = pytest.mark.once


def test_an_audit_holds_the_numbers_against_scikit_images(noise, photos_of, config_of):
    photos, rng = photos_of(noise(6, 16, 24)), np.random.default_rng(0)
    predicted = {rgb.tobytes(): rng.normal(0, 20, (16, 24, 2)).astype("float32") for rgb in photos.fitted()}

    def known(rgb):
        return np.stack([predicted[one.tobytes()] for one in rgb])

    values = run_predictors({"ours": known}, photos, config_of().evaluation, 4, lambda done: None).values["ours"]
    audit = audited(known, photos, values, 4)
    assert audit.differences.keys() == {"ab_rmse", "psnr", "ssim", "ciede2000"}
    assert max(audit.differences.values()) < 0.02 and audit.differences["ab_rmse"] < 1e-3
    assert "scikit-image 0." in audit.sentence and "on 6 photos" in audit.sentence
    wrong = audited(known, photos, {**values, "ciede2000": values["ciede2000"] + 3.0}, 4)
    assert wrong.differences["ciede2000"] == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("resize_mode", ["reflect_pad", "stretch"])
def test_predicting_at_another_size_is_what_painting_shows(resize_mode, config_of, noise):
    config = config_of("data.height=16", "data.width=32")
    colorizer = Colorizer(build_network(config))
    rng = np.random.default_rng(0)
    colorizer.network.set_weights([w + rng.normal(0, 0.05, w.shape) for w in colorizer.network.get_weights()])
    rgb = noise(3, 24, 40)
    ab = predict_ab(colorizer, rgb, resize_mode)
    assert ab.shape == (3, 24, 40, 2)
    pipeline = ColorizationPipeline(colorizer, config, resize_mode)
    for photo, colours in zip(rgb, ab):
        painted = np.asarray(pipeline.paint(photo)).astype(int)
        expected = ops.convert_to_numpy(compose_in_gamut(rgb_to_lightness(photo), colours))
        assert np.abs(expected.astype(int) - painted).max() <= 1
    same = noise(2, 16, 32)
    np.testing.assert_allclose(
        predict_ab(colorizer, same, resize_mode), np.asarray(colorizer(same, training=False)), atol=1e-4
    )


def test_best_median_and_worst():
    values = np.array([5.0, 1.0, 9.0, 3.0, 7.0, 2.0, 8.0])
    extremes = extremes_of(values, 3)
    assert values[extremes["best"]].tolist() == [1, 2, 3] and values[extremes["worst"]].tolist() == [9, 8, 7]
    assert values[extremes["median"]].tolist() == [3, 5, 7]
    assert {name: len(chosen) for name, chosen in extremes_of(values[:2], 8).items()} == dict.fromkeys(extremes, 2)


def test_batches_are_sized_to_memory(config_of, monkeypatch):
    network = build_network(config_of()).model
    sizes = [batch_size_for(network, size) for size in ((16, 32), (160, 320), (1600, 3200))]
    assert sizes[0] > sizes[1] > sizes[2] >= 1
    from colorize.evaluation import evaluate

    monkeypatch.setattr(evaluate, "MEMORY_AT_MOST", 1)
    assert batch_size_for(network, (16, 32)) == 1


def test_without_weights_perceptual_metrics_are_refused_before_training():
    with refused("evaluation.perceptual.without_weights"):
        check_perceptual(composed(["evaluation.perceptual=true"]).evaluation)
    check_perceptual(composed([]).evaluation)
