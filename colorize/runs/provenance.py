"""What is noted of a run besides its results: its values under flat names, and the state of the code."""

import subprocess
import sys
from importlib import metadata

from colorize.config.base import IS_CLONE, PROJECT


def git_state() -> dict[str, str]:
    """Tags with the project's commit and whether files differ from it; empty where git or the history is missing."""
    if not IS_CLONE:  # what git finds around an installed package is another project
        return {}
    try:
        commit = _git("rev-parse", "HEAD")
        return {
            "git.commit": commit,
            "mlflow.source.git.commit": commit,
            "git.dirty": str(bool(_git("status", "--porcelain"))).lower(),
        }
    except (OSError, subprocess.CalledProcessError):
        return {}


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PROJECT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


PACKAGES = ("keras", "tensorflow", "jax", "numpy", "scikit-image", "hydra-core", "mlflow", "pillow")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on, where installed."""
    installed = {"python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            installed[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return installed
