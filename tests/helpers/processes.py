"""Trainings in real processes, which can be killed, cheap to start: forked from one that has imported everything.

A process begins where `python train.py ARGUMENTS` does; `sabotage` is done in it just before.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import keras

from colorize.config.base import PROJECT

BACKEND = keras.backend.backend()
TINY = [
    "debug=smoke",
    "data.max_photos=null",
    f"backend={BACKEND}",
    "fusion=none",
    "encoder.filters=[4]",
    "trainer.num_visualized_photos=0",
]
TINY += ["evaluation.num_visualized_photos=0", "evaluation.num_compared_photos=1"]
"""Small, with dropout, augmentation and statistics of batches."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "keras",
        "mlflow",
        "hydra",
        "colorize.training.run",
        "colorize.cli.train",
        "colorize.cli.command_line",
        "processes",
    ]
)

DEADLINE = 300


@dataclass
class Training:
    """A training in a process of its own.

    Attributes:
        process: it.
        written: what it writes, out and err together.
    """

    process: multiprocessing.Process
    log: Path

    @property
    def written(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def refusal(self) -> str:
        """What it ends with where it refuses something."""
        return self.written.rpartition("train.py: ")[2]

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal."""
        os.kill(self.process.pid, number)

    def until(self, there, what: str) -> None:
        """Waits until something is there."""
        deadline = time.monotonic() + DEADLINE
        while not there():
            assert self.process.is_alive(), f"it ended before {what}:\n{self.written}"
            assert time.monotonic() < deadline, f"it never came to {what}:\n{self.written}"
            time.sleep(0.02)

    def end(self) -> int:
        """Waits for its end: the exit status, or the number of the signal that ended it with a minus."""
        self.process.join(DEADLINE)
        if self.process.is_alive():
            self.kill()
            raise AssertionError(f"it does not end:\n{self.written}")
        return self.process.exitcode


def launch(folder: Path, arguments: list[str], sabotage=None) -> Training:
    """Starts `python train.py ARGUMENTS` in the folder above the one that it trains into."""
    log = folder.parent / f"{folder.name}-{time.monotonic_ns()}.log"
    process = _context.Process(target=_train, args=(arguments, str(folder.parent), str(log), sabotage))
    process.start()
    return Training(process, log)


def start(folder: Path, *overrides: str, tracking: str | None = None, sabotage=None) -> Training:
    """Starts a training into a folder, in the folder above; with the address of an MLflow, or without one."""
    logged = f"tracking.uri={tracking}" if tracking else "tracking=off"
    return launch(folder, [*TINY, logged, f"hydra.run.dir={folder}", *overrides], sabotage)


def resume(folder: Path, *overrides: str, sabotage=None) -> Training:
    """Lets the run in a folder go on."""
    return launch(folder, [f"resume={folder}", *overrides], sabotage)


def train(folder: Path, *overrides: str, status: int = 0, **how) -> Training:
    """Trains to the end."""
    training = start(folder, *overrides, **how)
    assert training.end() == status, training.written
    return training


def go_on(folder: Path, *overrides: str, status: int = 0, **how) -> Training:
    """Lets the run in a folder go on to the end."""
    training = resume(folder, *overrides, **how)
    assert training.end() == status, training.written
    return training


def _train(arguments: list[str], place: str, log: str, sabotage) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.chdir(place)
    if sabotage:
        sabotage()
    sys.argv = ["train.py", *arguments]
    try:
        runpy.run_path(str(PROJECT / "train.py"), run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # `multiprocessing` leaves them out
