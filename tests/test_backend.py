"""TensorFlow and JAX compute the same training."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

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


def test_which_backend_the_environment_asks_for_counts_where_it_is_one_of_ours(monkeypatch):
    for asked, got in (("torch", "tensorflow"), ("jax", "jax"), (None, "tensorflow"), ("", "tensorflow")):
        if asked is None:
            monkeypatch.delenv("KERAS_BACKEND")
        else:
            monkeypatch.setenv("KERAS_BACKEND", asked)
        assert backend.wanted("tensorflow") == got


def keras_settings(tmp_path, text: str, **environment) -> subprocess.CompletedProcess:
    """What Keras computes with in a process of a user whose keras.json has a text."""
    (tmp_path / "keras.json").write_text(text)
    program = (
        "from colorize import backend, errors\n"
        "try: backend.start('jax', 'cpu')\n"
        "except errors.UserError as error: raise SystemExit(str(error))\n"
        "from keras import config\n"
        "print(config.floatx(), config.epsilon(), config.image_data_format(), config.max_epochs(),"
        " config.is_nnx_enabled())"
    )
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), **environment}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        '{"floatx": "float64", "epsilon": 0.1, "image_data_format": "channels_first", "backend": "torch"}',
        '{"nnx_enabled": true}',
        "{damaged",
    ],
)
def test_settings_of_the_users_keras_change_nothing(text, tmp_path):
    done = keras_settings(tmp_path, text, KERAS_MAX_EPOCHS="1", KERAS_MAX_STEPS_PER_EPOCH="1")
    assert done.stdout == "float32 1e-07 channels_last None False\n", done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("text", ['{"floatx": "float8"}', '{"epsilon": "small"}', "[]"])
def test_settings_with_which_keras_does_not_start_are_named(text, tmp_path):
    done = keras_settings(tmp_path, text)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.count("\n") == 1 and str(tmp_path / "keras.json") in done.stderr


@pytest.mark.slow
def test_the_losses_of_20_steps_agree():
    tensorflow, jax = losses("tensorflow"), losses("jax")
    assert len(tensorflow) == 20 and len(set(tensorflow)) == 20
    np.testing.assert_allclose(jax, tensorflow, rtol=1e-3)


def compiled(tmp_path, **environment) -> str:
    """What JAX was told of its cache in a process of its own, which compiles a function."""
    program = (
        "from colorize import backend; backend.start('jax', 'cpu'); import jax, jax.numpy as jnp;"
        "jax.jit(lambda x: jnp.sin(x) + 1)(jnp.ones(3));"
        "print(repr((jax.config.jax_compilation_cache_dir, jax.config.jax_compilation_cache_max_size)))"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    eager = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}
    environment = {**clean, **eager, "KERAS_BACKEND": "jax", "XDG_CACHE_HOME": str(tmp_path), **environment}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_what_jax_has_compiled_is_kept_for_this_kind_of_processor(tmp_path):
    told = compiled(tmp_path)
    (folder,) = (tmp_path / "colorize" / "jax").iterdir()
    assert told == repr((str(folder), 2**30)) and any(folder.iterdir())
    assert compiled(tmp_path) == told  # and is read without a word


@pytest.mark.slow
def test_jax_keeps_what_it_compiles_where_its_own_variable_says(tmp_path):
    assert str(tmp_path / "own") in compiled(tmp_path, JAX_COMPILATION_CACHE_DIR=str(tmp_path / "own"))
    assert not (tmp_path / "colorize").exists()


@pytest.mark.slow
def test_where_nothing_can_be_kept_jax_goes_on_without(tmp_path):
    (tmp_path / "colorize").write_text("in the way")
    assert "None" in compiled(tmp_path)


@pytest.mark.parametrize(("visible", "expected"), [(None, 10), ("1,0", 11), ("GPU-b", 11), ("", 0)])
def test_the_memory_of_a_card_is_that_of_the_first_that_is_visible(visible, expected, monkeypatch):
    cards = {0: 10, 1: 11, "GPU-a": 10, "GPU-b": 11}
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex={0: 0, 1: 1}.__getitem__,
        nvmlDeviceGetHandleByUUID={"GPU-a": "GPU-a", "GPU-b": "GPU-b"}.__getitem__,
        nvmlDeviceGetMemoryInfo=lambda card: SimpleNamespace(total=cards[card]),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert backend.memory_limit_bytes(backend.Device("tensorflow", "gpu", "a card")) == expected
