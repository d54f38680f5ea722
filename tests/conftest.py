"""What all tests share: a backend without its noise, small configurations, photos made here."""

import os
import warnings

from colorize import backend

BACKEND = os.environ.get("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
with warnings.catch_warnings():  # a warning while a dependency is imported is no fault of ours
    warnings.simplefilter("ignore")
    backend.start(BACKEND, "cpu")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from PIL import Image  # noqa: E402

from colorize.command_line import composed  # noqa: E402


@pytest.fixture(autouse=True)
def seeded():
    """Weights do not depend on which test ran before."""
    keras.utils.set_random_seed(1)


@pytest.fixture
def config_of():
    """Composes a small configuration on the backend under test, with more overrides."""
    return lambda *overrides: composed(["debug=smoke", "tracking=off", f"backend={BACKEND}", *overrides])


@pytest.fixture
def noise():
    """Random uint8 pictures, (N, H, W, 3)."""
    return lambda *shape: np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype("uint8")


@pytest.fixture
def photo_folder(tmp_path):
    """A folder of 12 small photos, all different and none square."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        Image.fromarray(rng.integers(0, 256, (24, 40, 3)).astype("uint8")).save(folder / f"{i}.png")
    return folder
