"""A training that is interfered with, and what is left of it; all have one plan, so that their ends can be compared."""

import csv
import json
import os
import signal
from types import SimpleNamespace

import numpy as np
from safetensors.numpy import load_file

from colorize.runs.layout import LAST
from colorize.runs.model_file import MODEL
from colorize.training.checkpoint import Checkpoints
from colorize.training.clock import Clock

EPOCHS, STEPS = 3, 29
"""Of the runs here; 235 photos are 29 batches of 8."""
PLAN = [f"trainer.epochs={EPOCHS}", "trainer.checkpoint.every_steps=5", "trainer.checkpoint.every_epochs=1"]


def before(owner, method: str, do, at_call: int = 1) -> None:
    """In the process of a training: something is done before one of the calls of a method."""
    original, calls = getattr(owner, method), []

    def wrapped(*args, **kwargs):
        calls.append(method)
        if len(calls) == at_call:
            do()
        return original(*args, **kwargs)

    setattr(owner, method, wrapped)


def die_at(step: int, after: bool) -> None:
    """In the process of a training: the clock never gets beyond a step, or never even counts it."""
    count = Clock._advance

    def dying(clock, steps):
        if not after and clock.state.step + 1 == step:
            os.kill(os.getpid(), signal.SIGKILL)
        count(clock, steps)
        if clock.state.step == step:
            os.kill(os.getpid(), signal.SIGKILL)

    Clock._advance = dying


def last_state(folder):
    """The arrays of the last checkpoint, and what else is in it, as attributes."""
    (path, *_) = Checkpoints(folder / "checkpoints").paths()
    state = Checkpoints(folder / "checkpoints").newest(lambda found: None)
    assert path.name.startswith(f"{state['sample']:010d}")
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    return arrays, SimpleNamespace(**{name: value for name, value in state.items() if name not in arrays})


def rows(folder):
    """What is learned, as logged: without times."""
    with open(folder / "history.csv", newline="") as file:
        timed = ("images_per_second", "input_wait_share")
        return [{key: value for key, value in row.items() if key not in timed} for row in csv.DictReader(file)]


def assert_same(folder, other):
    """Nothing that was learned differs, by so much as a bit."""
    (ours, our_counters), (theirs, their_counters) = last_state(folder), last_state(other)
    assert ours.keys() == theirs.keys() and len(ours) > 70
    for name in ours:
        assert ours[name].dtype == theirs[name].dtype and ours[name].tobytes() == theirs[name].tobytes(), name
    counted = ("step", "sample", "epoch", "step_in_epoch", "best", "best_epoch", "images")
    assert [getattr(our_counters, n) for n in counted] == [getattr(their_counters, n) for n in counted]
    assert rows(folder) == rows(other)
    for name in (MODEL, LAST):
        ours, theirs = load_file(folder / name), load_file(other / name)
        assert ours.keys() == theirs.keys()
        for key in ours:
            assert ours[key].tobytes() == theirs[key].tobytes(), (name, key)
    ours, theirs = [json.loads((f / "result.json").read_text()) for f in (folder, other)]
    assert ours["metrics"] == theirs["metrics"] and ours["best_epoch"] == theirs["best_epoch"]
