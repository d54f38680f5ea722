"""A run that was killed and goes on is, bit for bit, the run that was never killed."""

import functools
import os
import re
import shutil
import signal
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from messages import assert_wording, ended, refused
from processes import BACKEND, TINY, go_on, resume, start, train
from trained import EPOCHS, PLAN, STEPS, assert_same, die_at, last_state, rows
from troubles import remember_steps

from colorize.cli.command_line import check_command_line
from colorize.models.colorizer import build_network
from colorize.runs import layout
from colorize.runs.weights import load_colorizer
from colorize.training.variables import values_of
from colorize.training.warm_start import take_weights

pytestmark = pytest.mark.slow

OTHER_BACKEND = "jax" if BACKEND == "tensorflow" else "tensorflow"
KILLS = 20 if BACKEND == "tensorflow" else 8
"""Each is a process that compiles anew; the seed is another one in each run of the tests."""


def test_a_run_killed_at_random_steps_ends_as_if_it_had_not_been(undisturbed, tmp_path):
    folder = tmp_path / "run"
    seed = int(os.environ.get("KILL_SEED") or int.from_bytes(os.urandom(4), "little"))
    print(f"again with KILL_SEED={seed}")
    rng = np.random.default_rng(seed)
    steps = sorted(int(step) for step in rng.choice(np.arange(1, EPOCHS * STEPS + 1), KILLS, replace=False))
    print("killed at", steps)
    for number, step in enumerate(steps):
        sabotage = functools.partial(die_at, step, after=bool(rng.integers(2)))
        killed = resume(folder, sabotage=sabotage) if number else start(folder, *PLAN, sabotage=sabotage)
        assert killed.end() == -signal.SIGKILL, (steps, killed.written)
        assert not (folder / "result.json").exists()
    go_on(folder)
    assert_same(folder, undisturbed)


def test_a_run_with_a_budget_whose_device_augments_and_that_accumulates_goes_on_exactly(tmp_path):
    plan = [*PLAN, "data.augmentation.on=device", "optimizer.accumulate=2", "data.fraction=0.9"]
    plan += ["trainer.patience=2", "trainer.max_minutes=30"]
    train(tmp_path / "other", *plan)
    folder = tmp_path / "run"
    assert start(folder, *plan, sabotage=functools.partial(die_at, 17, True)).end() == -signal.SIGKILL
    assert resume(folder, sabotage=functools.partial(die_at, 42, False)).end() == -signal.SIGKILL
    go_on(folder)
    assert_same(folder, tmp_path / "other")


@pytest.mark.once
def test_a_field_that_is_added_to_the_state_is_there_after_kill_and_resume(tmp_path):
    folder = tmp_path / "run"
    assert start(folder, *PLAN, sabotage=functools.partial(remember_steps, 41)).end() == -signal.SIGKILL
    resumed = resume(folder, sabotage=remember_steps)
    assert resumed.end() == 0, resumed.written
    assert last_state(folder)[1].steps_done == list(range(1, EPOCHS * STEPS + 1))
    forgetful = resume(folder, "trainer.epochs=9")
    assert forgetful.end() == 2
    _, *lines = forgetful.refusal.splitlines()
    (reason,) = {line.partition(": ")[2] for line in lines}
    assert_wording("checkpoint.fields", reason)


@pytest.mark.once
def test_another_batch_size_goes_on_with_the_next_photo_at_the_same_place_of_the_schedule(tmp_path):
    folder = tmp_path / "run"
    assert start(folder, *PLAN, sabotage=functools.partial(die_at, 40, True)).end() == -signal.SIGKILL
    told = go_on(folder, "data.batch_size=16").written
    assert "changed: data.batch_size: 8 in the run, 16 here" in told
    counters = last_state(folder)[1]
    assert counters.sample == 35 * 8 + (15 - 3 + 15) * 16, "step 6 of 29 in epoch 2 is step 3 of 15"
    assert counters.step == 3 * 15 and float(rows(folder)[-1]["learning_rate"]) == 0


@pytest.mark.once
def test_another_configuration_is_refused_with_what_differs(undisturbed, capsys):
    changes = ["seed=7", "fusion=row_gru", "trainer.epochs=9", "tracking=mlflow"]
    with ended("resume.differs", capsys):
        check_command_line([f"resume={undisturbed}", *changes])
    with ended("resume.loss", capsys):
        check_command_line([f"resume={undisturbed}", "loss=l1"])
    with ended("resume.loss_terms", capsys):
        check_command_line([f"resume={undisturbed}", "loss=[smooth_l1,l2]"])
    with ended("resume.backend", capsys):
        check_command_line([f"resume={undisturbed}", f"backend={OTHER_BACKEND}"])
    with ended("resume.finished", capsys):
        check_command_line([f"resume={undisturbed}"])
    with ended("resume.sweep", capsys):
        check_command_line(["-m", f"resume={undisturbed}", "seed=1,2"])
    with ended("resume.no_folder", capsys, folder=Path.cwd()):
        check_command_line(["resume=nowhere"])


@pytest.mark.once
def test_what_has_no_effect_and_more_epochs_may_change(undisturbed):
    changes = ["trainer.epochs=9", "trainer.num_workers=7", "trainer.on_nan.action=rollback", "tracking=mlflow"]
    arguments = check_command_line([f"resume={undisturbed}", *changes, "hydra.run.dir=elsewhere"])
    assert arguments[:4] == changes and "hydra.run.dir=elsewhere" not in arguments
    assert arguments[4:] == [f"resume={undisturbed}", f"hydra.run.dir={undisturbed}", "hydra.output_subdir=null"]


@pytest.fixture
def outputs(undisturbed, tmp_path):
    """A folder of runs, copies of one, made to order."""

    def make(name: str, age: float, unfinished=True, **changed) -> Path:
        folder = tmp_path / name
        shutil.copytree(undisturbed, folder)
        if unfinished:
            (folder / "result.json").unlink()
        for key, value in changed.items():
            text = (folder / "config.yaml").read_text()
            (folder / "config.yaml").write_text(re.sub(rf"(?m)^{key}: .*", f"{key}: {value}", text))
        for path in (folder / "checkpoints").iterdir():
            os.utime(path, (time.time() - age,) * 2)
        return folder

    return make


@pytest.mark.once
def test_auto_takes_the_newest_unfinished_run_of_the_same_configuration(outputs, tmp_path, capsys):
    command = [*TINY, "tracking=off", *PLAN, f"hydra.run.dir={tmp_path / 'new'}"]
    assert check_command_line([*command, "resume=auto"]) == command
    assert "no unfinished run of this configuration was found; a new one begins" in capsys.readouterr().out
    outputs("finished", 10, unfinished=False)
    outputs("another", 20, seed=2)
    outputs("older", 40)
    newest = outputs("newest", 30)
    busy = outputs("busy", 5)
    with layout.locked(busy):
        arguments = check_command_line([*command, "resume=auto"])
    assert f"resume={newest}" in arguments and f"hydra.run.dir={tmp_path / 'new'}" not in arguments
    assert f"resume=auto: {newest} goes on" in capsys.readouterr().out


@pytest.mark.once
def test_weights_of_another_run_are_taken_where_they_fit(undisturbed, config_of, capsys):
    same = config_of("encoder.filters=[4]", "fusion=none")
    theirs = values_of(load_colorizer(undisturbed).network.weights)
    keras.utils.set_random_seed(5)
    network = build_network(same).model
    assert "weights come from" in take_weights(network, undisturbed)
    for name, value in values_of(network.weights).items():
        np.testing.assert_array_equal(value, theirs[name])
    network = build_network(config_of("encoder.filters=[7]", "fusion=none")).model
    before = values_of(network.weights)
    report = take_weights(network, undisturbed)
    taken = [n for n, value in values_of(network.weights).items() if n in theirs and np.array_equal(value, theirs[n])]
    fitting = [n for n in before if n in theirs and theirs[n].shape == before[n].shape]
    assert set(fitting) <= set(taken) and f"{len(fitting)} of {len(before)} weights come from" in report
    left = [n for n in before if n not in fitting]
    assert left and f"{left[0]} (" in report and "there, " in report
    with refused("init.none_fit"):
        take_weights(keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="another")]), undisturbed)
    with refused("init.no_model"):
        take_weights(network, undisturbed.parent)


@pytest.mark.once
def test_init_begins_a_new_run_with_those_weights(undisturbed, tmp_path):
    folder = tmp_path / "run"
    told = train(folder, "trainer.epochs=1", "optimizer.learning_rate=1e-12", f"init={undisturbed}").written
    assert f"weights come from {undisturbed} (100.0% of the parameters)" in told
    ours, theirs = [load_colorizer(f).network.trainable_variables for f in (folder, undisturbed)]
    for our, their in zip(ours, theirs):
        np.testing.assert_allclose(our.numpy(), their.numpy(), atol=1e-6)
    assert layout.load_config(folder).init == str(undisturbed)
