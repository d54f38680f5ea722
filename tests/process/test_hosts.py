"""Two processes of two devices each learn what one of four does, and end together: on the loopback, on JAX."""

import functools
import os
import re
import signal
import socket
import time

import jax
import numpy as np
import pytest
from alike import assert_alike
from messages import assert_wording
from processes import BACKEND, Training, launch, start, train
from trained import PLAN, assert_same, before, die_at, last_state
from troubles import at, hang_or_die

from colorize.distribution import watch
from colorize.distribution.watch import GONE
from colorize.training.clock import Clock

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BACKEND != "jax", reason="on TensorFlow there is one process"),
]

PLAN_OF_TWO = [*PLAN, "trainer.devices=2", "data.augmentation.mixup_probability=0.5"]


def four_devices() -> None:
    """In the process of a training: the CPU is so many."""
    jax.config.update("jax_num_cpu_devices", 4)


def one_of_two(number: int, port: int, *more) -> None:
    """In the process of a training: it is one of two, of two devices each, and what else is done to it."""
    os.environ |= {
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{port},127.0.0.1:{port}",
        "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
    }
    jax.config.update("jax_num_cpu_devices", 2)
    for sabotage in more:
        sabotage()


def begin(folder, *overrides, first=(), second=(), of_second=()) -> list[Training]:
    """Starts both; `first`, `second`: what is done to each; `of_second`: overrides of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [
        start(folder, *overrides, *own, sabotage=functools.partial(one_of_two, number, port, *done))
        for number, (own, done) in enumerate((((), first), (of_second, second)))
    ]


def ends(trainings: list[Training], *statuses: int) -> list[str]:
    """Waits for both: what each has written."""
    for training, status in zip(trainings, statuses, strict=True):
        assert training.end() == status, training.written
    return [training.written for training in trainings]


def test_two_processes_learn_what_one_does_and_go_on_exactly_after_one_is_killed(tmp_path):
    four, both, killed = (tmp_path / name for name in ("four", "both", "killed"))
    train(four, *PLAN_OF_TWO, "trainer.devices=4", sabotage=four_devices)
    first, second = ends(begin(both, *PLAN_OF_TWO), 0, 0)
    assert "jax on 4 x cpu in 2 processes" in first
    assert "epoch" not in second and "images/s" not in second, "the first one talks"
    assert_alike(both, four)
    trainings = begin(killed, *PLAN_OF_TWO, second=[functools.partial(die_at, 41, True)])
    assert trainings[1].end() == -signal.SIGKILL
    begun = time.monotonic()
    assert trainings[0].end() == GONE and time.monotonic() - begun < 60
    (sentence,) = [line for line in trainings[0].written.splitlines() if "gone" in line]
    assert sentence.startswith(f"process 1, on {socket.gethostname()}, is gone") and "resume=auto" in sentence
    assert "Traceback" not in trainings[0].written
    written, _ = ends(begin(killed, *PLAN_OF_TWO, "resume=auto"), 0, 0)
    assert "goes on from its checkpoint" in written
    assert_same(killed, both)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["both", "four", "killed"]


def test_where_the_first_is_killed_the_other_ends_too(tmp_path):
    trainings = begin(tmp_path / "run", *PLAN_OF_TWO, first=[functools.partial(die_at, 12, True)])
    first, second = ends(trainings, -signal.SIGKILL, GONE)
    assert second.count("the first process is gone") == 1 and "Traceback" not in second


def interrupt_at_step_33() -> None:
    before(Clock, "on_train_batch_end", functools.partial(signal.raise_signal, signal.SIGTERM), 33)


def test_a_signal_to_one_ends_both_at_one_step(tmp_path):
    folder = tmp_path / "run"
    first, second = ends(begin(folder, *PLAN_OF_TWO, second=[interrupt_at_step_33]), 128 + 15, 128 + 15)
    assert "stopped by SIGTERM" in first and "To go on: " in first
    assert last_state(folder)[1].step == 35, "both look every five steps"


def test_what_differs_is_refused_before_the_first_step(tmp_path):
    for key, value in {"seed": 7, "encoder.filters": [5], "data.max_photos": 30}.items():
        folder = tmp_path / key
        trainings = begin(folder, *PLAN_OF_TWO, of_second=[f"{key}={value}"])
        first, second = ends(trainings, 2, 2)
        assert f"  {key}: {value} here, " in second or "  photos: " in second
        assert "Traceback" not in first + second and "epoch" not in first
        assert not (folder / "checkpoints").exists()
    assert_wording("hosts.differ", trainings[0].refusal)


def test_a_loss_that_is_not_finite_ends_both_and_names_all_photos(tmp_path):
    folder = tmp_path / "run"
    bad = at("loss", 20)
    trainings = begin(folder, *PLAN_OF_TWO, first=[bad], second=[bad])
    ends(trainings, 2, 2)
    assert len(re.findall(r"\S+\.jpg", trainings[0].refusal)) == 8 and "Traceback" not in trainings[0].written
    arrays, counters = last_state(folder)
    assert counters.step == 20 and all(np.isfinite(array).all() for array in arrays.values())


def impatient() -> None:
    watch.SAME_MISTAKE = 2.0


def test_a_mistake_of_one_alone_ends_the_other_too(tmp_path):
    bad = [functools.partial(hang_or_die, "dies", 12)]
    trainings = begin(tmp_path / "run", *PLAN_OF_TWO, first=[impatient], second=bad)
    first, second = ends(trainings, GONE, 2)
    assert "batch 13 could not be gathered" in second and "Traceback" not in first + second
    assert first.count("process 1, on ") == 1


def test_processes_on_tensorflow_are_refused(tmp_path):
    of_two = functools.partial(one_of_two, 0, 9)
    training = launch(tmp_path / "run", ["tracking=off", "backend=tensorflow"], of_two)
    assert training.end() == 2
    assert_wording("hosts.tensorflow", training.refusal)


def test_a_sweep_that_several_processes_start_is_refused(tmp_path):
    training = launch(tmp_path / "run", ["-m", "seed=1,2", "tracking=off"], functools.partial(one_of_two, 1, 9))
    assert training.end() == 2
    assert_wording("hosts.sweep", training.refusal)
    assert not (tmp_path / "multirun").exists() or not list((tmp_path / "multirun").glob("*/*"))
