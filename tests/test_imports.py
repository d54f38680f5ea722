"""Keras starts without packages that nobody asks it for, and they can be imported all the same."""

import os
import subprocess
import sys

import pytest

from colorize.imports import hidden

pytestmark = pytest.mark.once


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "other"), [("tensorflow", "jax"), ("jax", "tensorflow")])
def test_keras_starts_without_what_it_does_not_need(backend, other):
    program = (
        f"import sys; from colorize import backend; backend.start({backend!r}, 'cpu')\n"
        "import keras, numpy as np\n"
        "network = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])\n"
        "keras.utils.set_random_seed(1); network.compile('adamw', 'mse')\n"
        "network.fit(np.ones((8, 3)), np.ones((8, 1)), verbose=0)\n"
        f"print(sorted({{'sklearn', 'pandas', 'matplotlib', {other!r}}} & set(sys.modules)))\n"
        f"import sklearn, pandas, matplotlib.pyplot, {other}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ})
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_a_package_is_missing_while_it_is_hidden_and_there_afterwards():
    assert "this" not in sys.modules
    with hidden("this", "json"):
        with pytest.raises(ModuleNotFoundError):
            import this  # noqa: F401
        import json  # is imported already, and stays
    assert json is sys.modules["json"] and "this" not in sys.modules
