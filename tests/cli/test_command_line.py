"""The command line of `train.py` is checked before the first job starts: a mistake ends it early, with status 2."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from messages import assert_wording, ended

from colorize.cli import command_line
from colorize.cli.command_line import check_command_line
from colorize.config.base import PROJECT
from colorize.config.compose import compose_by_hydra, composed

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def started_as_train(monkeypatch):
    """The name that a message begins with."""
    monkeypatch.setattr(sys, "argv", ["train.py"])


def test_an_experiment_may_be_a_sweep_and_every_job_of_it_is_checked(capsys):
    arguments = ["-m", "experiment=fusion_ablation"]
    assert check_command_line(arguments) == arguments
    with ended("cli.sweep.fusion_stride", capsys):
        check_command_line([*arguments, "fusion.stride=3"])
    assert check_command_line([*arguments, "fusion=none,conv", "fusion.stride=2"])


def test_a_plus_before_what_exists_is_taken_off_for_hydra():
    arguments = ["+trainer.epochs=3", "++fusion=none", "seed=2", "+hydra.job.env_set.A=1", "-m"]
    assert check_command_line(arguments) == [
        "trainer.epochs=3",
        "fusion=none",
        "seed=2",
        "+hydra.job.env_set.A=1",
        "-m",
    ]


@pytest.mark.parametrize(
    ("key", "sweep"),
    [("cli.sweep.interval_without_a_search", "trainer.epochs=interval(1,3)"), ("cli.sweep.glob", "seed=glob(*)")],
)
def test_a_sweep_without_values_is_refused(key, sweep, capsys):
    with ended(key, capsys):
        check_command_line(["-m", sweep])


def test_a_sweep_is_checked_before_its_first_job(capsys):
    with ended("cli.sweep.unknown_option", capsys):
        check_command_line(["-m", "seed=1,2", "fusion=row_gru,nome"])


@pytest.mark.parametrize(
    ("key", "given"),
    [("cli.hydra_mode", "hydra.mode=MULTIRUN"), ("cli.hydra_searchpath", "hydra.searchpath=[file:///elsewhere]")],
)
def test_what_would_be_run_unchecked_is_refused_by_name(key, given, capsys):
    with ended(key, capsys):
        check_command_line([given, "seed=1"])


@pytest.mark.parametrize(
    ("key", "given"),
    [
        ("cli.output_folder", ["seed=1"]),
        ("cli.output_folder_of_a_sweep", ["-m", "seed=1,2"]),
        ("cli.output_folder_given", ["hydra.run.dir=LOCKED/a/b"]),
    ],
)
def test_a_place_that_cannot_be_written_is_said_before_hydra_tries(key, given, tmp_path, monkeypatch, capsys):
    locked, access = tmp_path / "locked", os.access
    locked.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != locked and access(path, mode))  # root may all
    monkeypatch.chdir(tmp_path if "LOCKED" in given[-1] else locked)
    with ended(key, capsys):
        check_command_line([text.replace("LOCKED", str(locked)) for text in given])
    assert check_command_line([*given[:-1], f"hydra.{'sweep' if '-m' in given else 'run'}.dir={tmp_path}/x", "seed=1"])


def test_the_command_line_sweeps_in_the_place_of_a_file():
    given = ["-m", "experiment=fusion_ablation", "data=sample", "seed=7,8"]
    arguments = check_command_line(given)
    assert arguments == ["-m", "~hydra.sweeper.params.seed", *given[1:]]
    params = compose_by_hydra("train", arguments[1:4]).hydra.sweeper.params
    assert set(params) == {"fusion"} and params["fusion"].startswith("none,conv,")


def test_what_hydra_has_no_name_for_in_a_file_is_changed_there(monkeypatch, capsys):
    monkeypatch.setattr(command_line, "_swept_in", lambda name, parsed: {"fusion.units": "4,8"})
    with ended("cli.sweep.dotted_key_of_a_file", capsys):
        check_command_line(["-m", "fusion.units=16"])


def test_a_good_sweep_passes():
    check_command_line(["-m", "seed=1,2", "fusion=row_gru,none"])


def test_a_refusal_ends_with_status_2_before_a_backend_is_imported():
    program = (
        "import sys; from colorize.cli.command_line import check_command_line\n"
        "try: check_command_line(['trainer.epohcs=3'])\n"
        "finally: print([m for m in ('tensorflow', 'jax', 'keras', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 2
    assert done.stdout.strip() == "[]"
    assert_wording("cli.refused_before_a_backend", done.stderr)


@pytest.mark.slow
def test_the_backend_cannot_be_swept(capsys):
    with ended("cli.sweep.several_backends", capsys):
        check_command_line(["-m", "backend=tensorflow,jax"])


@pytest.mark.slow
def test_of_very_many_jobs_each_value_is_looked_at(capsys):
    many = ["seed=range(1,300)", "trainer.epochs=1,2,3,0"]
    with ended("cli.sweep.one_value_of_very_many", capsys):
        check_command_line(["-m", *many])
    check_command_line(["-m", many[0], "trainer.epochs=1,2,3"])


@pytest.mark.slow
@pytest.mark.parametrize(("value", "is_good"), [("interval(0.001,0.01)", True), ("interval(0.001,2.0)", False)])
def test_both_ends_of_what_a_search_may_choose_are_looked_at(value, is_good, capsys):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="needs the extra `sweep`")
    arguments = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", f"optimizer.learning_rate={value}"]
    if is_good:
        assert check_command_line(["-m", *arguments])
    else:
        with ended("cli.sweep.end_of_an_interval", capsys):
            check_command_line(["-m", *arguments])


@pytest.mark.slow
def test_a_plugin_that_is_not_installed_is_said_with_the_extra(capsys):
    with pytest.raises(SystemExit) as raised:
        check_command_line(["-m", "hydra/launcher=nonsense", "seed=1,2"])
    assert raised.value.code == 2
    installed = r"Available options in 'hydra/launcher':\n(\t.*\n)+Config search path:\n(\t.*\n)+"
    assert_wording("cli.sweep.no_plugin", re.sub(installed, "WHAT IS INSTALLED\n", capsys.readouterr().err))


def test_the_name_of_an_option_is_no_number():
    assert check_command_line(["debug=nan", "seed=2"]) == ["debug='nan'", "seed=2"]
    assert composed(["debug=nan"]).trainer.on_nan.action == "stop"


@pytest.mark.parametrize(
    ("key", "given"),
    [
        ("hydra.run.dir.empty", ["hydra.run.dir="]),
        ("hydra.sweep.dir.empty", ["-m", "seed=1,2", "hydra.sweep.dir="]),
        ("hydra.sweep.subdir.one", ["-m", "seed=1,2", "hydra.sweep.subdir=x"]),
        ("hydra.sweeper.params.given", ["-m", "+hydra.sweeper.params.seed='1,2'"]),
        ("hydra.sweeper.params.given", ["hydra.sweeper.params={seed: '1,2'}"]),
    ],
)
def test_hydras_own_keys_are_refused_where_they_would_lose_a_run(key, given, capsys):
    with ended(key, capsys):
        check_command_line(given)
