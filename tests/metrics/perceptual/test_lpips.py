"""LPIPS against an independent computation, with random weights."""

import random

import keras
import numpy as np
import pytest
from messages import refused
from numpy.lib.stride_tricks import sliding_window_view
from perceptual_weights import alexnet, real_weights, write_lpips
from skimage import data as samples

from colorize.metrics.perceptual.lpips import Lpips

pytestmark = pytest.mark.once

ALEXNET_PADDING = [2, 2, 1, 1, 1]


def lpips_by_hand(tree, rgb, painted):
    """One pair of photos, channels first and padding written out, in float64."""
    distance = 0.0
    for i, (a, b) in enumerate(zip(activations_by_hand(tree, rgb), activations_by_hand(tree, painted))):
        head = tree[f"NetLinLayer_{i}"]["Conv_0"]["kernel"].reshape(-1, 1, 1)
        distance += (head * (unit(a) - unit(b)) ** 2).sum(axis=0).mean()
    return distance


def unit(x):
    return x / (np.linalg.norm(x, axis=0) + 1e-10)


def activations_by_hand(tree, photo):
    mean, deviation = np.array([[-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]])[..., None, None]
    x = (photo.transpose(2, 0, 1) / 255 * 2 - 1 - mean) / deviation
    for i, padding in enumerate(ALEXNET_PADDING):
        layer = tree["AlexNet_0"][f"Conv_{i}"]
        stride = 4 if i == 0 else 1
        windows = sliding_window_view(np.pad(x, [(0, 0), *[(padding, padding)] * 2]), layer["kernel"].shape[:2], (1, 2))
        x = np.einsum("chwij,ijco->ohw", windows[:, ::stride, ::stride], layer["kernel"], optimize=True)
        x = np.maximum(x + layer["bias"][:, None, None], 0)
        yield x
        if i < 2:
            x = sliding_window_view(x, (3, 3), (1, 2))[:, ::2, ::2].max(axis=(3, 4))


@pytest.mark.parametrize("size", [(32, 32), (31, 47), (64, 38)])
def test_lpips_is_the_published_network(tmp_path, noise, size):
    tree = alexnet()
    rgb, painted = noise(4, *size).reshape(2, 2, *size, 3)
    distances = Lpips(write_lpips(tmp_path / "alexnet.ckpt", tree)).distances(rgb, painted)
    assert distances.dtype == "float64"
    np.testing.assert_allclose(distances, [lpips_by_hand(tree, *pair) for pair in zip(rgb, painted)], rtol=1e-4)


def test_lpips_of_equal_photos_is_0_and_places_without_activation_do_not_count(tmp_path, noise):
    rgb, other = noise(2, 32, 40)[:, None]
    assert Lpips(write_lpips(tmp_path / "alexnet.ckpt", alexnet())).distances(rgb, rgb) == pytest.approx(0, abs=1e-9)
    assert Lpips(write_lpips(tmp_path / "alexnet.ckpt", alexnet(bias=-1e4))).distances(rgb, other) == 0


@pytest.mark.parametrize(("size", "key"), [((16, 32), "metrics.lpips.rows"), ((64, 30), "metrics.lpips.columns")])
def test_lpips_refuses_photos_of_which_nothing_is_left(tmp_path, noise, size, key):
    with refused(key):
        Lpips(write_lpips(tmp_path / "alexnet.ckpt", alexnet())).distances(noise(1, *size), noise(1, *size))


def test_lpips_leaves_the_training_alone(tmp_path, noise):
    """It takes neither its random numbers nor its precision from the training."""
    path, pair = write_lpips(tmp_path / "alexnet.ckpt", alexnet()), noise(2, 32, 40)[:, None]
    expected = Lpips(path).distances(*pair)
    state = random.getstate()  # where Keras takes seeds from
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        np.testing.assert_array_equal(Lpips(path).distances(*pair), expected)
    finally:
        keras.config.set_dtype_policy("float32")
    assert random.getstate() == state


def test_lpips_of_real_photos_is_that_of_the_authors_package():
    """Expected: PyPI's lpips 0.1.4 on torch 2.14.1 with these weights; the linear layers are those in that package."""
    lpips = Lpips(real_weights("lpips"))
    astronaut, cat = samples.astronaut()[None], samples.chelsea()[None]
    grey = np.repeat(astronaut.mean(axis=-1, keepdims=True), 3, axis=-1).astype("uint8")
    assert lpips.distances(astronaut, grey) == pytest.approx(0.186865, abs=1e-4)
    assert lpips.distances(cat, cat[..., ::-1]) == pytest.approx(0.326778, abs=1e-4)
