"""The examples of docs/extending.md, added from outside the package as they stand there."""

import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from keras import ops
from messages import assert_wording
from processes import BACKEND

from colorize.config import base
from colorize.config.base import PROJECT
from colorize.config.compose import composed
from colorize.evaluation.predictors import run_predictors
from colorize.inspection.dependency_map import check_wiring
from colorize.inspection.shape_report import write_shapes
from colorize.metrics import summary
from colorize.models.colorizer import Colorizer, build_network
from colorize.training.learner import Learner
from colorize.training.optimizer import build_optimizer

EXAMPLE = re.compile(r"<!-- example: (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
LONGEST_LINES = 25


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """The modules, on the path; and a copy of `configs/` with the new options."""
    place = tmp_path_factory.mktemp("outside")
    shutil.copytree(PROJECT / "configs", place / "configs")
    written = EXAMPLE.findall((PROJECT / "docs" / "extending.md").read_text())
    for name, text in written:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    sys.path.insert(0, str(place))
    metrics = dict(summary.METRICS)
    for name, _ in written:
        if name.endswith(".py") and not name.endswith("__init__.py"):
            import_module(name.removesuffix(".py").replace("/", "."))
    yield place, dict(written)
    sys.path.remove(str(place))
    summary.PER_PHOTO.clear()
    summary.METRICS.clear()
    summary.METRICS.update(metrics)


@pytest.fixture
def config_with(outside, monkeypatch):
    """Composes a small configuration with the new options."""
    monkeypatch.setattr(base, "CONFIGS", Path(outside[0]) / "configs")
    return lambda *overrides: composed(["debug=smoke", "tracking=off", f"backend={BACKEND}", *overrides])


def test_examples_are_short(outside):
    assert len(outside[1]) == 9
    assert all(len(text.splitlines()) <= LONGEST_LINES for text in outside[1].values())


@pytest.mark.parametrize("overrides", [
    ["fusion=blur"], ["encoder=patches"], ["loss=[smooth_l1,smooth]"],
    ["fusion=blur", "encoder=patches", "fusion.match_parameters_of=row_gru"],
])  # fmt: skip
@pytest.mark.once
@pytest.mark.slow
def test_new_options_are_composed_looked_at_and_trained(overrides, config_with, noise, tmp_path):
    config = config_with(*overrides)
    network = build_network(config)
    rgb = noise(2, config.data.height, config.data.width)
    write_shapes(network, rgb, tmp_path)
    assert check_wiring(network) == []
    learner = Learner(network)
    learner.compile(optimizer=build_optimizer(config.optimizer, 1, 10))
    logs = learner.train_on_batch(rgb, return_dict=True)
    assert np.isfinite(logs["loss"])
    if "loss=[smooth_l1,smooth]" in overrides:
        assert logs["loss"] == pytest.approx(logs["loss_smooth_l1"] + logs["loss_smooth"], rel=1e-5)


def test_a_new_metric_stands_among_the_others(outside, config_with, noise, photos_of):
    config = config_with()
    predict = Colorizer(build_network(config)).predict_on_batch  # a new network says grey
    rgb = noise(3, 16, 32)
    measured = run_predictors({"ours": predict}, photos_of(rgb), config.evaluation, 2, lambda done: None)
    high, low = rgb.max(axis=-1).astype(float), rgb.min(axis=-1)
    expected = ((high - low) / np.maximum(high, 1)).mean()
    assert measured.metrics["ours"]["delta_saturation"] == pytest.approx(expected, abs=0.01)
    assert ops.convert_to_numpy(measured.values["ours"]["delta_saturation"]).shape == (3,)


@pytest.mark.once
@pytest.mark.slow
def test_an_installed_extension_is_known_to_every_command(outside, tmp_path):
    place, _ = outside
    project = tmp_path / "project"
    project.mkdir()
    shutil.copytree(PROJECT / "colorize", project / "colorize", ignore=shutil.ignore_patterns("__pycache__", "box"))
    (project / "data").symlink_to(PROJECT / "data")
    shutil.copy(PROJECT / "train.py", project)
    for name in ("configs", "my_colors"):
        shutil.copytree(place / name, project / name)
    installed = project / "my_colors-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Name: my_colors\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[colorize.extensions]\nmine = my_colors\n")
    command = [sys.executable, "train.py", "fusion=blur", "debug=smoke", "tracking=off", "hydra.run.dir=run"]
    command += [f"backend={BACKEND}", "encoder.filters=[4]", "trainer.epochs=1", "trainer.num_visualized_photos=0"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "blur_mean" in (project / "run" / "shapes.txt").read_text()

    (project / "my_colors" / "__init__.py").write_text("import nowhere_to_be_found\n")
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment)
    assert done.returncode == 2, done.stderr
    assert_wording("extension.no_module", done.stderr)
