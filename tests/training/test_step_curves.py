"""Curves by step: each number against one that is worked out otherwise."""

import keras
import numpy as np
import pytest

from colorize.backend import Device
from colorize.models.colorizer import build_network
from colorize.tracking.tracker import Tracker
from colorize.training.learner import Learner
from colorize.training.optimizer import build_optimizer
from colorize.training.state import TrainState, sync
from colorize.training.step_curves import StepCurves

PLAIN = ["encoder.filters=[4]", "fusion=none", "encoder.normalization=none", "decoder.normalization=none"]
PLAIN += ["decoder.dropout=0", "loss=[smooth_l1,l1]", "optimizer=sgd", "optimizer.momentum=0"]
PLAIN += ["optimizer.nesterov=false", "optimizer.weight_decay=0"]


class Kept(Tracker):
    """A tracker that keeps the metrics."""

    def __init__(self):
        self.points = {}

    def metrics(self, values, step=None):
        """As of a tracker."""
        for name, value in values.items():
            assert (name, step) not in self.points, "it is sent once"
            self.points[name, step] = value


class Counting(keras.callbacks.Callback):
    """Counts as `Clock` and `Speed` do, half a second a step; keeps the weights before each step."""

    def __init__(self, state):
        super().__init__()
        self.state, self.weights = state, []

    def on_train_batch_begin(self, batch, logs=None):
        sync(self.model)
        self.weights.append([variable.numpy().copy() for variable in self.model.trainable_variables])

    def on_train_batch_end(self, batch, logs=None):
        self.state.step, self.state.images = self.state.step + 1, self.state.images + 2
        self.state.seconds_training += 0.5


def trained(config, photos, every, **how):
    learner, state, tracker = Learner(build_network(config)), TrainState(), Kept()
    learner.compile(optimizer=build_optimizer(config.optimizer, 2, 6))
    counting = Counting(state)
    curves = StepCurves(state, tracker, Device("", "cpu", ""), every)
    learner.fit(photos, batch_size=2, epochs=2, shuffle=False, verbose=0, callbacks=[counting, curves])
    sync(learner)
    counting.weights.append([variable.numpy().copy() for variable in learner.trainable_variables])
    return learner, counting.weights, tracker.points


@pytest.mark.parametrize("clip_norm", [1e9, 1.0])
def test_each_number_is_that_of_its_step_alone(clip_norm, config_of, noise):
    config, photos = config_of(*PLAIN, f"optimizer.clip_norm={clip_norm}"), noise(12, 16, 32)
    learner, weights, points = trained(config, photos, every=4)
    names = {"loss", "loss_smooth_l1", "loss_l1", "gradient_norm", "learning_rate", "images_per_second"}
    assert set(points) == {(f"train_step/{name}", step) for name in names for step in (4, 8, 12)}
    for step in (4, 8, 12):
        before, after = weights[step - 1 : step + 1]
        for variable, value in zip(learner.trainable_variables, before):
            variable.assign(value)
        start = 2 * (step - 1) % 12
        told = learner.test_on_batch(photos[start : start + 2], return_dict=True)
        for name in ("loss", "loss_smooth_l1", "loss_l1"):
            assert points[f"train_step/{name}", step] == pytest.approx(float(told[name]), rel=1e-4)
        moved = np.sqrt(sum(np.square(a - b).sum() for a, b in zip(after, before)))
        rate, norm = points["train_step/learning_rate", step], points["train_step/gradient_norm", step]
        assert moved == pytest.approx(rate * min(norm, clip_norm), rel=1e-2) and norm > 1
        assert points["train_step/images_per_second", step] == pytest.approx(4)


def test_where_none_are_asked_for_none_are_sent(config_of, noise):
    assert trained(config_of(*PLAIN), noise(12, 16, 32), every=None)[2] == {}


def test_what_is_taken_back_is_not_sent(config_of):
    tracker, state = Kept(), TrainState()
    curves = StepCurves(state, tracker, Device("", "cpu", ""), 1)
    state.step = 1
    curves.on_train_batch_end(0, {"step_loss": 1.0, "loss": 2.0})
    curves.forget()
    curves.send()
    assert tracker.points == {}
