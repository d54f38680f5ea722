"""What is done to a training, within its process: signals, full disks, bad batches, servers that are killed."""

import functools
import os
import resource
import signal
import threading
from pathlib import Path

import numpy as np
from keras import ops
from PIL import Image
from trained import before

from colorize.data.batches import Batches
from colorize.models.losses import SmoothL1Loss
from colorize.training import run
from colorize.training.callbacks import Validation
from colorize.training.checkpoint import Checkpoints
from colorize.training.clock import Clock
from colorize.training.loop import TrainingLoop
from colorize.training.state import TrainState

WHITE = 255
"""A batch of nothing else is the bad one here."""


def spoil(how: str) -> None:
    """The loss of a white batch is NaN; or its value is fine and its gradient is not; or the gradient's norm alone."""
    loss = SmoothL1Loss.__call__

    def spoiled(term, ab, output):
        is_bad = ops.all(ops.abs(ab) < 0.1)
        if how == "loss":
            return loss(term, ab, output) * ops.where(is_bad, float("nan"), 1.0)
        if how == "norm":
            return loss(term, ab, output) * ops.where(is_bad, 1e25, 1.0)
        root = ops.sqrt(ops.where(is_bad, output - ops.stop_gradient(output), 1.0))  # of 0: its slope is infinite
        return loss(term, ab, output) + ops.sum(root - ops.stop_gradient(root))

    SmoothL1Loss.__call__ = spoiled


def whiten(step: int, times: int) -> None:
    """In the process of a training: batch `step` is bad, so many times that it is gathered."""
    gather, seen = Batches.batch, []

    def batch(batches, number, *rows):
        rgb = gather(batches, number, *rows)
        if number == step and len(seen) < times:
            seen.append(number)
            return np.full_like(rgb, WHITE)
        return rgb

    Batches.batch = batch


def sabotage(how: str, step: int, times: int) -> None:
    """A batch is white, and a white batch has a loss or gradient that is not finite."""
    spoil(how)
    whiten(step, times)


def at(how, step, times=1000):
    """Something that can be sent to another process."""
    return functools.partial(sabotage, how, step, times)


MOMENTS = {
    "before the first step": (TrainingLoop, "run", 1),
    "before the first checkpoint": (Validation, "visualize_start", 1),
    "training": (Clock, "_advance", 11),
    "the last step of an epoch": (Clock, "_advance", 18),
    "validation": (Validation, "_evaluate", 1),
    "saving": (Checkpoints, "save", 1),
    "writing the best weights": (Validation, "write_best", 1),
}
"""Where in the life of a process; the processes of a test follow one another."""


def send(numbers: tuple[int, ...]) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


def signals_at(moment: str, *numbers: int) -> None:
    owner, method, call = MOMENTS[moment]
    before(owner, method, functools.partial(send, numbers), call)


LARGEST = 20_000
"""Bytes that a file may have on the full disk: the screen's log is smaller, weights and checkpoints are larger."""


def fill_disk(full: bool) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST if full else resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def lose_folder(lost: bool) -> None:
    """Nobody may not write where root may (and root may everywhere, whatever the mode)."""
    if os.getuid() == 0:
        os.seteuid(65534 if lost else 0)
    else:
        os.chmod("run/checkpoints", 0o555 if lost else 0o755)


TROUBLE = {"full disk": fill_disk, "read-only folder": lose_folder}


def trouble(kind: str, first: int, last: int) -> None:
    """From one step of a process to another."""
    before(Clock, "_advance", functools.partial(TROUBLE[kind], True), first)
    before(Clock, "_advance", functools.partial(TROUBLE[kind], False), last)


def spoil_photos(folder: str) -> None:
    photos = sorted(os.listdir(folder))
    os.remove(os.path.join(folder, photos[0]))
    Image.new("RGB", (40, 24), "red").save(os.path.join(folder, photos[1]))


def hang_or_die(how: str, at_step: int) -> None:
    gather = Batches.batch

    def batch(batches, step, *rows):
        if step == at_step:
            threading.Event().wait() if how == "hangs" else exec("raise SystemError('the disk is gone')")
        return gather(batches, step, *rows)

    Batches.batch = batch


class Remembering(TrainState):
    """A state with one field more."""

    steps_done: list[int] = []


def remember_steps(die_after: int | None = None) -> None:
    """In the process of a training: its state has one field more, and each step is noted there."""
    run.TrainState = Remembering
    advance = Clock._advance

    def noted(clock, steps):
        advance(clock, steps)
        clock.state.steps_done.append(clock.state.step)
        if clock.state.step == die_after:
            os.kill(os.getpid(), signal.SIGKILL)

    Clock._advance = noted


def hold(there: str, owner, method: str, call: int) -> None:
    """The process of a training says that it came to a call of a method, and waits for the file `go` beside that."""

    def wait():
        Path(there).touch()
        while not Path(there).with_name("go").exists():
            threading.Event().wait(0.1)

    before(owner, method, wait, call)


def kill_in_mid_delivery(server: int, folder: str) -> None:
    """In the process of a training: kills a server that has a part of what was logged."""
    while not Path(folder, "tracking", "delivered.json").exists():
        threading.Event().wait(0.01)
    os.killpg(server, signal.SIGKILL)


def wait_for_answers_forever() -> None:
    """In the process of a training: MLflow itself would wait a day for an answer."""
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "86400"
