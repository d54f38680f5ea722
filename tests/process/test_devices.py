"""Several devices of one machine learn what one does: virtual ones of a CPU, on JAX."""

import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from alike import assert_alike
from messages import assert_wording
from processes import BACKEND, go_on, start, train
from trained import PLAN, assert_same, die_at, last_state
from troubles import at

from colorize.config.base import PROJECT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BACKEND != "jax", reason="on TensorFlow several devices are refused"),
]

ON_TWO = "trainer.devices=2"


def two_devices(*more) -> None:
    """In the process of a training: the CPU is two devices, and what else is done to it."""
    import jax

    jax.config.update("jax_num_cpu_devices", 2)
    for sabotage in more:
        sabotage()


TWO = functools.partial(two_devices)


@pytest.mark.parametrize(
    "number, overrides",
    [
        (8, ["fusion=row_gru", "data.augmentation.on=device"]),
        (8, ["fusion=min_gru", "head=bins"]),
        (2, ["encoder=efficientnet_lite0", "encoder.trainable=2", "fusion=none"]),
    ],
)
def test_losses_of_20_steps_and_colours_are_those_of_one_device(number, overrides):
    """Dropout, statistics of batches, averages; five photos, which several devices cannot share evenly."""
    program = PROJECT / "tests" / "helpers" / "losses_on_devices.py"
    slowly = "optimizer.learning_rate=0.0003"  # at ten times that, rounding alone is 1e-4 of the loss after 20 steps
    command = [sys.executable, program, str(number), slowly, *overrides]
    run_too = {**os.environ, "XLA_FLAGS": "--xla_backend_optimization_level=1"}  # 40 steps count, not compilation alone
    done = subprocess.run(command, capture_output=True, text=True, env=run_too)
    assert done.returncode == 0, done.stderr
    one, several = json.loads(done.stdout.splitlines()[-1]).values()
    assert one["devices"] == [1] and several["devices"] == [number], "each has all weights and statistics"
    assert len(one["losses"]) == 20 and len(set(one["losses"])) == 20
    np.testing.assert_allclose(several["losses"], one["losses"], rtol=1e-5)
    np.testing.assert_allclose(several["ab"], one["ab"], atol=1e-3)  # of 110
    assert np.std(one["ab"]) > 0.01


def test_a_run_on_two_devices_is_that_of_one_and_goes_on_on_either(tmp_path):
    plan, (one, two, same, fewer) = (
        [*PLAN, "data.augmentation.on=device"],
        [tmp_path / x for x in ("1", "2", "2b", "3")],
    )
    train(one, *plan)
    assert "jax on 2 x " in train(two, *plan, ON_TWO, sabotage=TWO).written
    assert_alike(two, one)
    dying = functools.partial(two_devices, functools.partial(die_at, 41, True))
    assert start(same, *plan, ON_TWO, sabotage=dying).end() == -signal.SIGKILL
    shutil.copytree(same, fewer)
    go_on(same, sabotage=TWO)
    assert_same(same, two)
    go_on(fewer, "trainer.devices=1")
    assert_alike(fewer, one)


def test_a_loss_on_two_devices_that_is_not_finite_names_all_photos_of_the_batch(tmp_path):
    folder = tmp_path / "run"
    bad = functools.partial(two_devices, at("loss", 20))
    training = start(folder, *PLAN, ON_TWO, sabotage=bad)
    assert training.end() == 2, training.written
    assert len(re.findall(r"\S+\.jpg", training.refusal)) == 8 and "Traceback" not in training.written
    arrays, counters = last_state(folder)
    assert counters.step == 20 and all(np.isfinite(array).all() for array in arrays.values())


def test_more_devices_than_there_are_are_refused(tmp_path):
    training = start(tmp_path / "run", "trainer.devices=4", sabotage=TWO)
    assert training.end() == 2
    assert_wording("trainer.devices.too_many", training.refusal)
