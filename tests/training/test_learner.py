"""Steps of training: what they report, and how terms of the loss are summed."""

import numpy as np
import pytest
from keras import ops

from colorize.color import rgb_to_lab
from colorize.models.colorizer import build_network
from colorize.training.learner import Learner
from colorize.training.optimizer import build_optimizer


def test_the_reported_ab_rmse_is_over_all_pixels_of_uneven_batches(config_of, noise):
    config = config_of()
    colorizer = Learner(build_network(config))
    colorizer.compile(optimizer="sgd")
    rgb = noise(5, 16, 32)
    reported = colorizer.evaluate(rgb, batch_size=4, verbose=0, return_dict=True)["ab_rmse"]
    ab = ops.convert_to_numpy(rgb_to_lab(rgb))[..., 1:].astype("float64")  # the guess of a new network is 0
    assert reported == pytest.approx(np.sqrt((ab**2).mean()), rel=1e-5)


@pytest.mark.parametrize("step", ["train_on_batch", "test_on_batch"])
def test_a_step_converts_its_photos_to_lab_once(step, config_of, noise, monkeypatch):
    converted = []
    monkeypatch.setattr("colorize.training.learner.rgb_to_lab", lambda rgb: converted.append(rgb) or rgb_to_lab(rgb))
    learner = Learner(build_network(config_of()))
    learner.compile(optimizer="sgd")
    getattr(learner, step)(noise(2, 16, 32))
    assert len(converted) == 1


def test_terms_are_summed_by_their_weights_and_told_by_their_labels(config_of, noise):
    config = config_of("loss=[l1,l2]", "loss.l1.weight=0.5", "loss.l2.weight=2.0", "decoder.dropout=0")
    learner = Learner(build_network(config))
    learner.compile(optimizer=build_optimizer(config.optimizer, 1, 10))
    rgb = noise(2, 16, 32)
    logs = learner.train_on_batch(rgb, return_dict=True)
    ab = ops.convert_to_numpy(rgb_to_lab(rgb))[..., 1:].astype("float64")  # a new network says 0
    weight = 1 + 1.5 * np.sqrt((ab**2).sum(axis=-1, keepdims=True)) / 100
    expected = {
        "loss_l1": 0.5 * (np.abs(ab) * weight).mean() / weight.mean(),
        "loss_l2": 2.0 * (ab**2 / 220 * weight).mean() / weight.mean(),
    }
    assert {name: logs[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    assert logs["loss"] == pytest.approx(sum(expected.values()), rel=1e-4)
