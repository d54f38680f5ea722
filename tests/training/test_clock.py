"""When the host reads what steps return."""

from collections import Counter
from types import SimpleNamespace

import pytest
from rich.console import Console

from colorize.backend import Device
from colorize.tracking.tracker import Tracker
from colorize.training.callbacks import Reader, Screen
from colorize.training.clock import Clock
from colorize.training.state import TrainState
from colorize.training.step_curves import StepCurves

pytestmark = pytest.mark.once

STEPS, SECONDS = 1000, 0.01


class OnDevice:
    """A number of a step that notes when it is read."""

    def __init__(self, step: int, read: list):
        self.step, self.read = step, read

    def __float__(self):
        self.read.append(self.step)
        return 0.0

    __int__ = __index__ = lambda self: int(float(self))


def test_the_host_reads_twice_a_second_and_never_what_the_device_has_yet_to_do(config_of, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("colorize.training.clock.time", SimpleNamespace(perf_counter=lambda: now[0]))
    state, trainer = TrainState(), config_of().trainer
    batches = SimpleNamespace(steps_per_epoch=STEPS + 1, batch_size=2)
    screen = Screen(state, Console(quiet=True), 1, STEPS)
    curves = StepCurves(state, Tracker(), Device("", "cpu", ""), 1)
    learner, signals = SimpleNamespace(stop_training=False), SimpleNamespace(received=None)
    clock = Clock([curves, screen], state, learner, batches, trainer, signals, lambda: None, lambda: 0.0)
    read: list = []
    readings = Counter()
    for step in range(STEPS):
        now[0] += SECONDS
        clock.on_train_batch_end(
            step, {name: OnDevice(step, read) for name in ("loss", "ab_rmse", "halted", "step_loss")}
        )
        readings[step] = len(read)
        assert all(earlier < step for earlier in read)
        read.clear()
    assert state.step == STEPS
    assert 2 * STEPS * SECONDS - 2 <= sum(number > 0 for number in readings.values()) <= 2 * STEPS * SECONDS
    assert sum(readings.values()) >= STEPS - 2 * 50, "step curves have nearly all steps"


def test_what_follows_a_halt_is_shown_to_nobody(config_of):
    seen = []

    class Seen(Reader):
        def read(self, logs):
            seen.append(logs["halted"])

    batches = SimpleNamespace(steps_per_epoch=9, batch_size=2)
    learner, signals = SimpleNamespace(stop_training=False), SimpleNamespace(received=None)
    clock = Clock([Seen()], TrainState(), learner, batches, config_of().trainer, signals, lambda: None, lambda: 0.0)
    clock.on_epoch_end(0, {"halted": 0})
    clock.halted = True
    clock.on_epoch_end(0, {"halted": 1})
    assert seen == [0]
