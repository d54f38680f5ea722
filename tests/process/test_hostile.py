"""A configuration or a model folder from a stranger: nothing of it is run, nothing of this machine is read."""

import os
import pickle
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from evil import Evil
from messages import assert_wording, refused
from small import keep

from colorize.config.base import PROJECT
from colorize.config.compose import composed
from colorize.errors import UserError
from colorize.models.colorizer import build_network
from colorize.runs.layout import CONFIG, load_config
from colorize.runs.model_file import MODEL
from colorize.runs.weights import load_colorizer

pytestmark = [pytest.mark.once, pytest.mark.slow]


@pytest.fixture
def project(tmp_path):
    """A copy of the project into whose `configs/` a stranger's file can be put, and a way to train there."""
    place = tmp_path / "project"
    shutil.copytree(PROJECT / "configs", place / "configs")
    shutil.copytree(PROJECT / "colorize", place / "colorize", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "train.py", place)

    def train(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(place), "SECRET": "never-to-be-seen"}
        command = [sys.executable, "train.py", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=place, env=environment)

    train.place = place
    return train


CALLBACK = """# @package _global_
hydra:
  callbacks:
    evil:
      _target_: subprocess.call
      args: [touch, evil]
"""
LAUNCHER = """# @package _global_
hydra:
  launcher:
    _target_: subprocess.call
"""
SETTINGS = """# @package _global_
hydra:
  job:
    env_set:
      LD_PRELOAD: evil.so
"""
TARGET = """# @package _global_
data:
  _target_: subprocess.call
  args: [touch, evil]
"""
SECRET = """# @package _global_
tracking:
  experiment: ${oc.env:SECRET}
"""
NESTED = """# @package _global_
evaluation:
  lpips_weights: env
tracking:
  experiment: ${oc.${evaluation.lpips_weights}:SECRET}
"""
SWEPT = """# @package _global_
hydra:
  sweeper:
    params:
      ++hydra.job.env_set.LD_PRELOAD: evil.so
"""
HIDDEN = """# @package _global_
tracking:
  experiment: a ${oc.decode:${oc.env:SECRET}}
"""
OTHER_PACKAGE = """# @package hydra.callbacks.evil
_target_: subprocess.call
args: [touch, evil]
"""


@pytest.mark.parametrize(
    ("text", "name", "key"),
    [
        (CALLBACK, "hydra.callbacks.evil", "hydra.callbacks.refused"),
        (LAUNCHER, "hydra.launcher._target_", "hydra.launcher.refused"),
        (SETTINGS, "hydra.job.env_set.LD_PRELOAD", "hydra.job.refused"),
        (TARGET, "data._target_", "data.target"),
        (SECRET, "tracking.experiment", "tracking.experiment.environment"),
        (HIDDEN, "tracking.experiment", "tracking.experiment.hidden"),
        (NESTED, "tracking.experiment", "tracking.experiment.nested"),
        (SWEPT, "hydra.sweeper.params", "hydra.sweeper.refused"),
        (OTHER_PACKAGE, "hydra.callbacks.evil", "hydra.callbacks.refused"),
    ],
)
def test_an_experiment_of_a_stranger_runs_nothing_and_reads_no_secret(project, text, name, key):
    (project.place / "configs" / "experiment" / "evil.yaml").write_text(text)
    for more in [["-m", "seed=1,2"]] if text is SWEPT else [[], ["-m", "seed=1,2"]]:  # without -m nothing is swept
        done = project(*more, "experiment=evil", "debug=smoke")
        told = done.stdout + done.stderr
        assert done.returncode == 2 and name in told and "Traceback" not in told, told
        assert_wording(key, done.stderr, project=project.place)
        assert "never-to-be-seen" not in told and not (project.place / "evil").exists()
        assert not (project.place / "outputs").exists() and not (project.place / "multirun").exists()


@pytest.mark.parametrize("flag", ["--config-dir", "--config-path", "-cp", "-cd"])
def test_configurations_from_elsewhere_are_refused(project, tmp_path, flag):
    done = project(flag, str(tmp_path))
    assert done.returncode == 2
    assert_wording("hydra.config_dir", done.stderr)


def test_a_value_that_reads_the_environment_is_refused_and_a_reference_is_not(monkeypatch):
    monkeypatch.setenv("SECRET", "never-to-be-seen")
    with refused("data.root.environment") as raised:
        composed(["data.root=${oc.env:SECRET}"])
    assert "never-to-be-seen" not in str(raised.value)
    assert composed(["data.height=${data.width}"]).data.height == composed([]).data.width


@pytest.fixture
def model(tmp_path, config_of):
    """The folder of a small model."""
    config = config_of("encoder.filters=[4,6]", "fusion=none")
    keep(config, build_network(config), tmp_path)
    return tmp_path


def test_a_configuration_with_a_python_object_is_refused(model):
    (model / CONFIG).write_text(f"seed: !!python/object/apply:os.mkdir [{model / 'evil'}]\n")
    with refused("config.python_object"):
        load_config(model)
    assert not (model / "evil").exists()


def test_a_stored_configuration_that_reads_the_environment_reads_nothing(model, monkeypatch):
    from colorize.config.compose import changed
    from colorize.runs.layout import load_config

    monkeypatch.setenv("SECRET", "never-to-be-seen")
    path = model / CONFIG
    path.write_text(path.read_text().replace("root: null", "root: ${oc.env:SECRET}", 1))
    assert load_config(model).data.root == "${oc.env:SECRET}", "text, and nothing else"
    with refused("config.environment") as raised:
        changed(load_config(model), ["trainer.epochs=3"])
    assert "never-to-be-seen" not in str(raised.value)


def pickled(path, place):
    path.write_bytes(pickle.dumps(Evil(place / "evil")))


def archived(path, place):
    """A whole Keras model with a Lambda in it, as another file."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x)])
    model.save(place / "evil.keras")
    os.replace(place / "evil.keras", path)


def as_array(path, place):
    np.save(path, np.array([Evil(place / "evil")], dtype=object), allow_pickle=True)
    os.replace(f"{path}.npy", path)


@pytest.mark.parametrize("make", [pickled, archived, as_array])
def test_weights_that_are_something_else_are_refused_and_not_run(model, make):
    make(model / MODEL, model)
    with pytest.raises(UserError) as raised:
        load_colorizer(model)
    assert_wording("model_file.damaged", str(raised.value), file=model / MODEL, reason=raised.value.__context__)
    assert not (model / "evil").exists()
