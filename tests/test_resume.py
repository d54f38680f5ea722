"""A run that was killed and goes on is, bit for bit, the run that was never killed."""

import csv
import functools
import json
import os
import signal

import numpy as np
import pytest
from processes import go_on, resume, start, train

from colorize.checkpoint import Checkpoints
from colorize.clock import Clock

KILLS = 20
EPOCHS, STEPS = 3, 29
"""Of the runs here; 235 photos are 29 batches of 8."""
PLAN = [f"trainer.epochs={EPOCHS}", "trainer.checkpoint.every_steps=5", "trainer.checkpoint.every_epochs=1"]


def die_at(step: int, after: bool) -> None:
    """In the process of a training: the clock never gets beyond a step, or never even counts it."""
    count = Clock._advance

    def dying(clock, steps):
        if not after and clock.step + 1 == step:
            os.kill(os.getpid(), signal.SIGKILL)
        count(clock, steps)
        if clock.step == step:
            os.kill(os.getpid(), signal.SIGKILL)

    Clock._advance = dying


def last_state(folder):
    """The arrays of the last checkpoint, and its counters."""
    (path, *_) = Checkpoints(folder / "checkpoints").paths()
    checkpoint = Checkpoints(folder / "checkpoints").newest(lambda found: None)
    assert path.name.startswith(f"{checkpoint.counters.step:08d}")
    return checkpoint.arrays, checkpoint.counters


def rows(folder):
    """What is learned, as logged: without times."""
    with open(folder / "history.csv", newline="") as file:
        timed = ("images_per_second", "input_wait_share")
        return [{key: value for key, value in row.items() if key not in timed} for row in csv.DictReader(file)]


def assert_same(folder, other):
    """Nothing that was learned differs, by so much as a bit."""
    (ours, our_counters), (theirs, their_counters) = last_state(folder), last_state(other)
    assert ours.keys() == theirs.keys() and len(ours) > 100
    for name in ours:
        assert ours[name].dtype == theirs[name].dtype and ours[name].tobytes() == theirs[name].tobytes(), name
    counted = ("step", "sample", "epoch", "step_in_epoch", "best", "best_epoch", "images")
    assert [getattr(our_counters, n) for n in counted] == [getattr(their_counters, n) for n in counted]
    assert rows(folder) == rows(other)
    for name in ("best.weights.h5", "last.weights.h5"):
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name
    ours, theirs = [json.loads((f / "result.json").read_text()) for f in (folder, other)]
    assert ours["metrics"] == theirs["metrics"] and ours["best_epoch"] == theirs["best_epoch"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    train(folder, *PLAN)
    return folder


def test_a_run_killed_at_random_steps_ends_as_if_it_had_not_been(undisturbed, tmp_path):
    folder = tmp_path / "run"
    rng = np.random.default_rng(int.from_bytes(os.urandom(4), "little"))
    steps = sorted(int(step) for step in rng.choice(np.arange(1, EPOCHS * STEPS + 1), KILLS, replace=False))
    print("killed at", steps)
    for number, step in enumerate(steps):
        sabotage = functools.partial(die_at, step, after=bool(rng.integers(2)))
        killed = resume(folder, sabotage=sabotage) if number else start(folder, *PLAN, sabotage=sabotage)
        assert killed.end() == -signal.SIGKILL, (steps, killed.written)
        assert not (folder / "result.json").exists()
    go_on(folder)
    assert_same(folder, undisturbed)
