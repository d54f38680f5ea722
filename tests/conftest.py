"""What all tests share: a backend without its noise, small configurations, photos made here."""

import atexit
import functools
import os
import shutil
import tempfile
import warnings

from type_checks import check_types

check_types()  # before any of what it checks is imported

from colorize import backend  # noqa: E402

BACKEND = os.environ.get("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="colorize-tests-")  # also of the processes that tests start
atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)
# On JAX, compilation takes most of the time of tests: little of it (also in a process beside TensorFlow's) ...
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
if BACKEND == "jax":  # ... and no step twice
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", os.path.join(os.environ["XDG_CACHE_HOME"], "jax"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
with warnings.catch_warnings():  # a warning while a dependency is imported is no fault of ours
    warnings.simplefilter("ignore")
    backend.start(BACKEND, "cpu")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

pytest.register_assert_rewrite("messages", "refusals")
from filelock import FileLock  # noqa: E402
from PIL import Image  # noqa: E402

from colorize.config.compose import composed  # noqa: E402
from colorize.data.dataset import Photos  # noqa: E402


@functools.cache  # a good part of the time of many tests; nothing can be changed in a configuration
def _composed(overrides):
    return composed(list(overrides))


@pytest.fixture(autouse=True)
def seeded():
    """Weights do not depend on which test ran before."""
    keras.utils.set_random_seed(1)


@pytest.fixture
def config_of():
    """Composes a small configuration on the backend under test, with more overrides."""
    return lambda *overrides: _composed(
        ("debug=smoke", "data.max_photos=null", "tracking=off", f"backend={BACKEND}", *overrides)
    )


@pytest.fixture
def noise():
    """Random uint8 pictures, (N, H, W, 3)."""
    return lambda *shape: np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype("uint8")


@pytest.fixture
def photos_of():
    """Photos out of uint8 (N, H, W, 3), at that size, or at another that evaluation asks for."""

    def make(stored: np.ndarray, size: tuple[int, int] | None = None) -> Photos:
        names = tuple(f"{i}.png" for i in range(len(stored)))
        hashes = tuple(f"{i:064x}" for i in range(len(stored)))
        return Photos(stored, np.arange(len(stored)), names, hashes, size or stored.shape[1:3])

    return make


@pytest.fixture
def photo_folder(tmp_path):
    """A folder of 12 small photos, all different and none square."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        Image.fromarray(rng.integers(0, 256, (24, 40, 3)).astype("uint8")).save(folder / f"{i}.png")
    return folder


@pytest.fixture
def model_folder(tmp_path, config_of):
    """An output folder whose network gives every pixel the ab (20, -30)."""
    from small import keep

    from colorize.models.colorizer import build_network

    config = config_of()
    network = build_network(config)
    weights = network.model.get_weights()
    weights[-1] = np.array([20, -30]) / 110
    network.model.set_weights(weights)
    folder = tmp_path / "run"
    folder.mkdir()
    keep(config, network, folder)
    return folder


@pytest.fixture
def logged(model_folder, tmp_path):
    """Logs the model of `model_folder` with some score, as the end of a run does; returns the tracker."""
    from mlflow import MlflowClient
    from small import about

    from colorize.runs.layout import load_config, save_config
    from colorize.runs.model_file import MODEL
    from colorize.runs.weights import load_colorizer, save_model
    from colorize.tracking.open_tracker import open_tracker

    uri = f"sqlite:///{tmp_path / 'runs.db'}"

    def log(name: str, score: float = 12.0, digest: str = "photos", register: str | None = None):
        folder = tmp_path / name
        shutil.copytree(model_folder, folder)
        save_model(load_colorizer(folder), folder / MODEL, about(load_config(folder), name=name))  # a file of its own
        config = load_config(folder)
        as_name = [] if register is None else [f"tracking.register={register}"]
        with_mlflow = composed(["debug=smoke", "tracking=mlflow", f"tracking.uri={uri}", *as_name])
        config = config.model_copy(update={"tracking": with_mlflow.tracking})
        save_config(config, folder)
        tracker = open_tracker(config, folder)
        tracker.start()
        tracker.metrics({"val_best/ab_rmse": score, "val_best/psnr_pooled": 21.0}, 3)
        finals = ["val_best/ab_rmse", "val_best/psnr_pooled"]
        tracker.model(folder / MODEL, {"fusion": "row_gru"}, finals, score, {"name": "sample val", "digest": digest}, 3)
        tracker.finish("FINISHED")
        tracker.sender._thread.join()  # its last act is to note what it has delivered
        assert not tracker.sender.refusals and tracker.sender.delivered == tracker.journal.count
        return tracker

    log.client = MlflowClient(uri)
    log.uri = uri
    return log


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """A run by `trained.PLAN` that nothing happened to: one, for all processes of pytest."""
    from processes import train
    from trained import PLAN

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "undisturbed" / "run"
    with FileLock(shared / "undisturbed.lock"):
        if not (folder / "result.json").exists():
            shutil.rmtree(folder.parent, ignore_errors=True)  # of another process of pytest, where it failed
            folder.parent.mkdir()
            train(folder, *PLAN)
    return folder
