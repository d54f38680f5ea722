"""TensorFlow and JAX compute the same training."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from messages import refused

from colorize import backend

pytestmark = pytest.mark.once


def losses(backend: str) -> list[float]:
    program = Path(__file__).parent / "helpers" / "losses_of_20_steps.py"
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["backend"] == backend
    return report["losses"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only a backend knows")
def test_a_machine_without_a_driver_says_so_before_a_backend_starts(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(backend, "DRIVERS", [str(tmp_path / "card*")])
    with refused("backend.no_driver"):
        backend.check_device("tensorflow", "gpu")
    backend.check_device("tensorflow", "cpu")
    (tmp_path / "card0").touch()
    backend.check_device("tensorflow", "gpu")


@pytest.mark.slow
def test_the_losses_of_20_steps_agree():
    tensorflow, jax = losses("tensorflow"), losses("jax")
    assert len(tensorflow) == 20 and len(set(tensorflow)) == 20
    np.testing.assert_allclose(jax, tensorflow, rtol=1e-3)
