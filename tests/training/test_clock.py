"""The host reads what steps return twice a second at most, so that a device never waits for it."""

from collections import Counter
from types import SimpleNamespace

import pytest
from rich.console import Console

from colorize.backend import Device
from colorize.tracking.tracker import Tracker
from colorize.training.callbacks import Screen
from colorize.training.clock import Clock
from colorize.training.state import TrainState
from colorize.training.step_curves import StepCurves

pytestmark = pytest.mark.once

STEPS, SECONDS = 1000, 0.01


class OnDevice:
    """A number that notes when it is read."""

    def __init__(self, read: list):
        self.read = read

    def __float__(self):
        self.read.append(1)
        return 0.0

    __int__ = __index__ = lambda self: int(float(self))


def test_no_step_is_waited_for_but_twice_a_second(config_of, monkeypatch):
    now = [100.0]
    for module in ("clock", "callbacks", "step_curves"):
        monkeypatch.setattr(f"colorize.training.{module}.time", SimpleNamespace(perf_counter=lambda: now[0]))
    state, trainer = TrainState(), config_of().trainer
    batches = SimpleNamespace(steps_per_epoch=STEPS + 1, batch_size=2)
    screen = Screen(state, Console(quiet=True), 1, STEPS)
    curves = StepCurves(state, Tracker(), Device("", "cpu", ""), 1)
    learner, signals = SimpleNamespace(stop_training=False), SimpleNamespace(received=None)
    clock = Clock([curves, screen], state, learner, batches, trainer, signals, lambda: None, lambda: 0.0)
    moments: Counter = Counter()
    for step in range(STEPS):
        now[0] += SECONDS
        read: list = []
        clock.on_train_batch_end(step, {name: OnDevice(read) for name in ("loss", "ab_rmse", "halted", "step_loss")})
        moments[step] = len(read)
    assert state.step == STEPS
    assert 2 <= sum(number > 0 for number in moments.values()) <= 2 * STEPS * SECONDS + 1
