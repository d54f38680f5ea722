"""TensorFlow and JAX compute the same training."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.once


def losses(backend: str) -> list[float]:
    program = Path(__file__).parent / "helpers" / "losses_of_20_steps.py"
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["backend"] == backend
    return report["losses"]


@pytest.mark.slow
def test_the_losses_of_20_steps_agree():
    tensorflow, jax = losses("tensorflow"), losses("jax")
    assert len(tensorflow) == 20 and len(set(tensorflow)) == 20
    np.testing.assert_allclose(jax, tensorflow, rtol=1e-3)
