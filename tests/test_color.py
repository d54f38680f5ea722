"""Colour against scikit-image, the reference; gradients; precision."""

import keras
import numpy as np
import pytest
from keras import ops
from skimage import color as reference

from colorize.color import AB_SCALE, compose, compose_in_gamut, lab_to_rgb, rgb_to_lab, to_integers

GREYS = np.repeat(np.arange(256, dtype="uint8")[:, None], 3, axis=1)
CORNERS = np.array([[r, g, b] for r in (0, 255) for g in (0, 255) for b in (0, 255)], "uint8")
RANDOM = np.random.default_rng(0).integers(0, 256, (100_000, 3)).astype("uint8")
COLOURS = {"greys": GREYS, "corners": CORNERS, "random": RANDOM}


def as_numpy(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("rgb", COLOURS.values(), ids=COLOURS)
def test_lab_is_that_of_scikit_image(rgb):
    lab = as_numpy(rgb_to_lab(rgb))
    assert lab.dtype == np.float32
    np.testing.assert_allclose(lab, reference.rgb2lab(rgb), rtol=0, atol=1e-3)


@pytest.mark.parametrize("rgb", COLOURS.values(), ids=COLOURS)
def test_the_round_trip_of_uint8_is_exact(rgb):
    np.testing.assert_array_equal(as_numpy(to_integers(lab_to_rgb(rgb_to_lab(rgb)))), rgb)


def test_floats_are_taken_as_shares_of_one(noise):
    rgb = noise(2, 5, 7)
    np.testing.assert_allclose(as_numpy(rgb_to_lab(rgb / 255.0)), as_numpy(rgb_to_lab(rgb)), atol=1e-4)


def test_one_picture_and_a_batch_agree(noise):
    rgb = noise(3, 5, 7)
    lab = as_numpy(rgb_to_lab(rgb))
    assert lab.shape == (3, 5, 7, 3)
    np.testing.assert_allclose(as_numpy(rgb_to_lab(rgb[1])), lab[1], atol=1e-4)


def test_out_of_gamut_is_clipped_as_in_scikit_image():
    lab = any_lab(10_000)
    with pytest.warns(UserWarning, match="negative Z"):  # the warning that ours does without
        expected = reference.lab2rgb(lab)
    ours = as_numpy(lab_to_rgb(lab))
    assert (expected == 0).any() and (expected == 1).any(), "the test must hold colours out of gamut"
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def any_lab(number: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([rng.uniform(0, 100, number), *rng.uniform(-128, 128, (2, number))], axis=-1)


def test_painting_keeps_lightness_where_srgb_has_no_such_colour():
    lab = any_lab(10_000)
    painted = as_numpy(compose_in_gamut(lab[:, :1], lab[:, 1:]))
    assert np.abs(reference.rgb2lab(painted)[:, 0] - lab[:, 0]).max() < 0.3, "as far as 8 bits go"
    clipped = as_numpy(compose(lab[:, :1], lab[:, 1:]))
    assert np.abs(reference.rgb2lab(clipped)[:, 0] - lab[:, 0]).max() > 20, "the test must hold colours out of gamut"


def test_a_colour_that_srgb_does_not_have_gives_up_no_more_than_it_must():
    lab = any_lab(10_000)
    painted = as_numpy(compose_in_gamut(lab[:, :1], lab[:, 1:]))
    with pytest.warns(UserWarning, match="negative Z"):
        linear = reference.lab2xyz(lab, illuminant="D65") @ np.linalg.inv(reference.colorconv.xyz_from_rgb).T
    inside = ((linear > 0) & (linear < 1)).all(axis=-1)
    assert 100 < inside.sum() < 9_000
    np.testing.assert_array_equal(painted[inside], as_numpy(compose(lab[inside, :1], lab[inside, 1:])))
    assert ((painted[~inside] == 0) | (painted[~inside] == 255)).any(axis=-1).all()


def test_black_and_white_take_no_colour():
    painted = as_numpy(
        compose_in_gamut(np.array([[0.0], [100.0], [50.0]]), np.array([[60.0, -80.0]] * 2 + [[0.0, 0.0]]))
    )
    np.testing.assert_array_equal(painted, [[0] * 3, [255] * 3, [119] * 3])


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_colour_stays_float32_under_mixed_precision(policy, noise):
    rgb = noise(2, 5, 7)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        lab = rgb_to_lab(rgb)
        back = lab_to_rgb(ops.cast(lab, "float32"))
    finally:
        keras.config.set_dtype_policy(before)
    assert keras.backend.standardize_dtype(lab.dtype) == keras.backend.standardize_dtype(back.dtype) == "float32"
    np.testing.assert_allclose(as_numpy(lab), reference.rgb2lab(rgb), atol=1e-3)


class Shift(keras.Model):
    """Converts its input plus a trained shift, so that `fit` shows the gradient on any backend."""

    def __init__(self, convert, start):
        super().__init__()
        self.convert = convert
        self.shift = self.add_weight(shape=start.shape, initializer=keras.initializers.Constant(start))

    def call(self, x):
        return self.convert(self.shift) + 0.0 * x

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.sum(y_pred)


def gradient(convert, at):
    """d sum(convert(x)) / dx, from one step of plain gradient descent of rate 1."""
    model = Shift(convert, np.asarray(at, "float32"))
    model.compile(optimizer=keras.optimizers.SGD(1.0), jit_compile=False)
    model.fit(np.zeros((1, *np.shape(at)), "float32"), verbose=0)
    return np.asarray(at) - model.shift.numpy()


HARD_RGB = [[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 0, 1], [0.04045, 0.04045, 0.04045], [1e-8, 0, 0.5], [-0.2, 0.5, 1.3]]
HARD_LAB = [[0, 0, 0], [100, 0, 0], [50, 128, -128], [50, -128, 128], [8, 0, 0], [0, 100, 100], [100, -100, 110]]


@pytest.mark.parametrize(("convert", "hard"), [(rgb_to_lab, HARD_RGB), (lab_to_rgb, HARD_LAB)])
def test_gradients_are_finite_at_black_and_out_of_gamut(convert, hard):
    assert np.isfinite(gradient(convert, hard)).all()


def test_the_gradient_is_that_of_finite_differences():
    at = np.array([[0.2, 0.5, 0.8], [0.01, 0.9, 0.3]])
    step = 1e-5
    slopes = np.zeros_like(at)
    for i in range(3):
        shift = np.eye(3)[i] * step
        slopes[:, i] = (reference.rgb2lab(at + shift) - reference.rgb2lab(at - shift)).sum(axis=-1) / (2 * step)
    np.testing.assert_allclose(gradient(rgb_to_lab, at), slopes, rtol=2e-3)


def test_paint_keeps_the_lightness_inside_the_gamut(noise):
    rgb = noise(5, 14, 23)
    lab = reference.rgb2lab(rgb)
    dull = np.asarray(compose(lab[..., :1], lab[..., 1:] * 0.2))
    np.testing.assert_allclose(reference.rgb2lab(dull)[..., 0], lab[..., 0], atol=0.6)  # of rounding to uint8


def test_ab_scale_holds_all_of_srgb():
    cube = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3), axis=-1).astype("uint8")
    assert np.abs(ops.convert_to_numpy(rgb_to_lab(cube))[..., 1:]).max() < AB_SCALE
