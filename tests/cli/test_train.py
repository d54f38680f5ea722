"""`python train.py`: what is quick comes first."""

import subprocess
import sys

import pytest

from colorize.config.base import PROJECT

pytestmark = pytest.mark.once


@pytest.mark.parametrize("module", ["training.resume", "cli.train", "cli.command_line", "hub", "__main__", "data.load"])
def test_what_is_quick_comes_before_keras(module):
    program = f"import sys, colorize.{module} as _; print([m for m in ('keras', 'mlflow', 'jax') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT)
    assert done.stdout == "[]\n", done.stderr
