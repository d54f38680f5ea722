"""How a photo is shown to the network: whole, closer, in its own shape."""

import numpy as np
import pytest
from PIL import Image
from skimage import color as reference
from telltale import Telltale, colours_of

from colorize.inference.pipeline import ColorizationPipeline


class Bright:
    """Stands for a colorizer: it says b = 30 of a bright picture, and -30 of any other."""

    shown = 0

    class network:
        inputs = [np.zeros((1, 16, 32, 1))]

    def predict_on_batch(self, rgb):
        self.shown += len(rgb)
        ab = np.zeros((*rgb.shape[:3], 2), "float32")
        ab[..., 1] = np.where(rgb.mean(axis=(1, 2, 3)) > 100, 30.0, -30.0)[:, None, None]
        return ab


@pytest.mark.parametrize("upsampling", ["bilinear", "guided"])
def test_a_photo_is_seen_whole_and_closer(upsampling, config_of):
    """By hand: the whole is bright, and so are the parts on the left; those on the right are not."""
    pipeline = ColorizationPipeline(Bright(), config_of("evaluation.flip_tta=true"), "stretch", upsampling)
    photo = np.full((40, 80, 3), 40, "uint8")
    photo[:, :40] = 220
    (colours,) = pipeline.predict([Image.fromarray(photo)])
    assert colours.ab.shape == (32, 64, 2)
    np.testing.assert_allclose(colours.ab[:, :25, 1], 30, atol=1e-4)  # left parts alone: (30 + 30) / 2
    np.testing.assert_allclose(colours.ab[:, 39:, 1], 0, atol=1e-4)  # right parts alone: (30 - 30) / 2
    between = colours.ab[16, 25:39, 1]
    assert (np.diff(between) <= 1e-4).all() and 5 < between[7] < 25, "they fade into each other"
    assert pipeline.paint(photo).size == (80, 40)


def test_a_photo_of_the_models_size_is_seen_as_it_is_and_without_mirror_images_each_is_seen_once(config_of, noise):
    for overrides, photo in ((["evaluation.flip_tta=true"], noise(16, 32)), ([], noise(40, 80))):
        colorizer = Bright()
        ColorizationPipeline(colorizer, config_of(*overrides)).predict([Image.fromarray(photo)])
        assert colorizer.shown == 1 + len(overrides), "once, and its mirror image"


def test_a_photo_of_another_shape_is_set_whole_into_its_mirror_image(config_of, noise):
    colorizer = Telltale()
    photo = noise(16, 8) // 2 + 64  # in the gamut, whatever the colours
    painted = ColorizationPipeline(colorizer, config_of(), "reflect_pad").paint(photo)
    (shown,) = colorizer.shown
    np.testing.assert_array_equal(shown[:, 12:20], photo)  # in its own shape, in the middle
    np.testing.assert_array_equal(shown[:, 4:12], photo[:, ::-1])
    np.testing.assert_array_equal(shown[:, 20:28], photo[:, ::-1])
    expected = np.round(reference.lab2rgb(np.concatenate(
        [reference.rgb2lab(photo)[..., :1], np.stack(np.mgrid[:16, 12:20], -1)], -1)) * 255)  # fmt: skip
    assert np.abs(np.asarray(painted) - expected).max() <= 1, "its own cells' colours came back"


def test_squashed_a_photo_has_all_of_the_models_picture(config_of):
    colorizer = Telltale()
    grey = np.full((64, 32), 128, "uint8")
    ab = colours_of(ColorizationPipeline(colorizer, config_of(), "stretch").paint(grey))
    assert colorizer.shown.shape == (1, 16, 32, 3)
    assert ab[0, 0] == pytest.approx([0, 0], abs=1) and ab[-1, -1] == pytest.approx([15, 31], abs=1)


def test_the_shape_is_kept_as_in_training(config_of, photo_folder):
    def resize_mode(*overrides):
        return ColorizationPipeline(Telltale(), config_of(*overrides)).resize_mode

    folder = ["data=folder", f"data.root={photo_folder}"]
    assert (
        resize_mode(*folder, "data.resize_mode=stretch") == "stretch"
        and resize_mode(*folder, "data.resize_mode=center_crop") == "reflect_pad"
    )
