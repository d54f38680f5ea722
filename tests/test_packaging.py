"""The package away from its clone: nothing is missing in it, and everything it writes is where its user is."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from colorize.config.base import PACKAGE, PROJECT

pytestmark = pytest.mark.once

SETUPTOOLS = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]


def test_every_package_is_installed_and_every_folder_that_is_mapped_is_there():
    ours = {".".join(file.parent.relative_to(PROJECT).parts) for file in PACKAGE.rglob("*.py")}
    mapped = SETUPTOOLS["package-dir"]
    assert set(SETUPTOOLS["packages"]) == ours | set(mapped)
    assert all((PROJECT / folder).is_dir() for folder in mapped.values())
    data = SETUPTOOLS["package-data"]
    for package, patterns in data.items():
        folder = PROJECT / mapped.get(package, package.replace(".", "/"))
        assert all(list(folder.glob(pattern)) for pattern in patterns), package


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder where pip would put it, made as `pyproject.toml` says."""
    place = tmp_path_factory.mktemp("site-packages")
    shutil.copytree(PACKAGE, place / "colorize", ignore=shutil.ignore_patterns("__pycache__"))
    for package, folder in SETUPTOOLS["package-dir"].items():
        shutil.copytree(PROJECT / folder, place / package.replace(".", "/"))
    return place


def run(installed: Path, folder: Path, *arguments: str) -> str:
    """`python -m colorize ARGUMENTS` in a folder; what it says."""
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    environment["PYTHONPATH"] = str(installed)
    command = [sys.executable, "-m", "colorize", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_it_trains_where_its_user_is_and_leaves_nothing_where_it_is_installed(installed, tmp_path):
    before = {path for path in installed.rglob("*") if "__pycache__" not in path.parts}
    tiny = ["debug=smoke", "encoder.filters=[4]", "fusion=none", "trainer.epochs=1"]
    said = run(installed, tmp_path, "train", *tiny)
    assert {path.name for path in tmp_path.iterdir()} == {"outputs", "mlflow.db", "mlartifacts"}
    assert f"mlflow ui --backend-store-uri sqlite:///{tmp_path / 'mlflow.db'}" in said
    assert {path for path in installed.rglob("*") if "__pycache__" not in path.parts} == before


@pytest.mark.slow
def test_it_says_its_version_and_shows_shapes(installed, tmp_path):
    import colorize

    assert run(installed, tmp_path, "--version") == f"colorize {colorize.__version__}\n"
    run(installed, tmp_path, "shapes", "debug=smoke")
    assert (tmp_path / "shapes" / "shapes.txt").is_file()
