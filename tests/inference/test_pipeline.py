"""Painting photos of any size: what stays, where colours go, and what is refused."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file
from skimage import color as reference
from skimage import data
from small import about

import colorize
from colorize.config.base import PROJECT
from colorize.errors import UserError
from colorize.inference import pipeline as painting
from colorize.inference.pipeline import ColorizationPipeline
from colorize.inference.upsampling import Bilinear, Guided
from colorize.models.colorizer import Colorizer, build_network
from colorize.runs.model_file import MODEL, read_about
from colorize.runs.weights import load_colorizer, save_model


@pytest.fixture
def shaken(config_of):
    """Makes a colorizer of 16 x 32 whose colours vary, and its configuration."""

    def make(*overrides):
        config = config_of("fusion.units=4", "fusion.channels=2", *overrides)
        colorizer = Colorizer(build_network(config))
        rng = np.random.default_rng(0)
        weights = colorizer.network.get_weights()
        colorizer.network.set_weights([w + rng.normal(0, 0.05, w.shape) for w in weights])
        return colorizer, config

    return make


class Telltale:
    """Stands for a colorizer: it gives each cell its row and column as ab, and remembers what it was shown."""

    class network:
        inputs = [np.zeros((1, 16, 32, 1))]

    def predict_on_batch(self, rgb):
        self.shown = rgb
        rows, columns = np.mgrid[:16, :32].astype("float32")
        return np.broadcast_to(np.stack([rows, columns], -1), (*rgb.shape[:3], 2))


def colours_of(painted) -> np.ndarray:
    return reference.rgb2lab(np.asarray(painted))[..., 1:]


def test_a_photo_keeps_its_lightness_and_gets_the_models_colour(model_folder):
    photo = data.coffee()
    painted = np.asarray(colorize.load(model_folder).paint(photo))
    assert painted.shape == photo.shape and painted.dtype == np.uint8
    before, after = reference.rgb2lab(photo), reference.rgb2lab(painted)
    middle = (before[..., 0] > 45) & (before[..., 0] < 70)  # where (20, -30) is in the gamut
    np.testing.assert_allclose(after[..., 0], before[..., 0], atol=0.3)
    np.testing.assert_allclose(after[middle][:, 1:], np.broadcast_to([20, -30], (middle.sum(), 2)), atol=2)


def test_colours_do_not_depend_on_those_of_the_photo(shaken):
    pipeline = ColorizationPipeline(*shaken())
    rgb = data.chelsea()[:90]
    grey = np.round(reference.lab2rgb(reference.rgb2lab(rgb) * [1, 0, 0]) * 255).astype("uint8")
    painted = [np.asarray(pipeline.paint(photo)).astype(int) for photo in (rgb, grey)]
    assert np.abs(painted[0] - painted[1]).max() <= 3  # of rounding the grey photo to uint8


@pytest.mark.parametrize("upsampling", ["bilinear", "guided"])
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (301, 5)])
def test_any_size_comes_back_at_that_size(size, upsampling, shaken, noise):
    painted = ColorizationPipeline(*shaken(), upsampling=upsampling).paint(noise(size[1], size[0]))
    assert painted.size == size and painted.mode == "RGB"


@pytest.mark.parametrize("upsampling", ["bilinear", "guided"])
def test_painting_in_bands_leaves_no_seam(upsampling, shaken, noise, monkeypatch):
    pipeline = ColorizationPipeline(*shaken(), upsampling=upsampling)
    photo = noise(61, 90)
    whole = np.asarray(pipeline.paint(photo)).astype(int)
    monkeypatch.setattr(painting, "PIXELS_PER_CHUNK", 90 * 7)
    banded = np.asarray(pipeline.paint(photo)).astype(int)
    assert np.abs(whole - banded).max() <= 1
    assert np.abs(np.diff(banded[6:8], axis=0) - np.diff(whole[6:8], axis=0)).max() <= 1


def test_many_photos_at_once_are_painted_as_one_by_one(shaken, noise, monkeypatch):
    pipeline = ColorizationPipeline(*shaken())
    monkeypatch.setattr(painting, "PIXELS_PER_CHUNK", 900)  # several small ones, and a part of the large one
    photos = [Image.fromarray(noise(*size)) for size in ((20, 30), (11, 5), (64, 40), (3, 70), (8, 8))]
    alone = [pipeline.paint(photo) for photo in photos]
    chroma = pipeline.paint_in_place(photos)
    for one, other in zip(alone, photos):
        assert np.abs(np.asarray(one).astype(int) - np.asarray(other)).max() <= 1
    assert len(chroma) == 5 and min(chroma) > 0


@pytest.mark.parametrize("saturation", [0.0, 0.5, 1.6])
def test_saturation_scales_ab_and_leaves_lightness(saturation, config_of):
    grey = np.full((16, 32), 128, "uint8")  # at which colours of chroma 56 are in the gamut, or nearly
    pipeline = ColorizationPipeline(Telltale(), config_of(), "stretch", saturation=saturation)
    painted = pipeline.paint(grey)
    lab = reference.rgb2lab(np.asarray(painted))
    rows, columns = np.mgrid[:16, :32]
    np.testing.assert_allclose(lab[..., 1], saturation * rows, atol=1.2)
    np.testing.assert_allclose(lab[..., 2], saturation * columns, atol=1.2)
    np.testing.assert_allclose(lab[..., 0], reference.rgb2lab(np.full((1, 1, 3), 128, "uint8"))[0, 0, 0], atol=0.3)
    again = Image.fromarray(grey).convert("RGB")
    ColorizationPipeline(Telltale(), config_of(), "stretch").paint_in_place([again], saturation)
    np.testing.assert_array_equal(np.asarray(again), np.asarray(painted))


@pytest.mark.parametrize("wrong", [-0.1, 2.1, float("nan"), "1"])
def test_a_saturation_that_is_none_is_reported(wrong, model_folder):
    with pytest.raises(UserError, match="saturation: expected a number from 0"):
        colorize.load(model_folder, saturation=wrong)


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


@pytest.mark.once
def test_colours_do_not_change_with_the_size_of_the_photo():
    """The model in the box: the same photo at 128, 512 and 1,536 pixels."""
    pipeline, size = colorize.load(), (128, 85)
    photo = Image.fromarray(data.coffee())
    seen = [pipeline.paint(photo.resize((w, round(w * 2 / 3)), Image.Resampling.LANCZOS)) for w in (512, 1536, 128)]
    ab = [colours_of(painted.resize(size, Image.Resampling.BOX)) for painted in seen]
    assert np.abs(ab[0] - ab[1]).mean() < 0.5
    assert np.abs(ab[0] - ab[2]).mean() < 3, "of 128 pixels, a closer look sees no more"


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


def test_guided_colours_end_where_the_lightness_does():
    """Two fields meet at 0.4 of a cell: bilinear smears their colours over a cell, guided ones end at the edge."""
    edge = 64 + 25  # in a photo of 128 x 256 over 8 x 16 cells; not between two of them
    lightness = np.where(np.arange(256) < edge, 30.0, 80.0).astype("float32")
    truth = np.where(np.arange(256)[:, None] < edge, [40.0, -20.0], [-10.0, 30.0])
    cells = lightness.reshape(16, 16).mean(1), truth.reshape(16, 16, 2).mean(1)
    guide, ab = np.tile(cells[0], (8, 1)), np.tile(cells[1], (8, 1, 1)).astype("float32")
    photo = np.tile(lightness, (128, 1))
    error = {
        kind: np.abs(colours.band(0, 128, photo) - truth).mean(axis=(0, 2))[edge - 16 : edge + 16].mean()
        for kind, colours in (("bilinear", Bilinear(ab, (256, 128))), ("guided", Guided(ab, guide, (256, 128))))
    }
    assert error["guided"] < error["bilinear"] / 4


def test_guided_colours_of_a_flat_photo_are_those_of_its_cells(noise):
    ab = np.random.default_rng(0).normal(0, 20, (4, 6, 2)).astype("float32")
    flat = np.full((4, 6), 50.0, "float32")
    smooth = Guided(ab, flat, (60, 40)).band(0, 40, np.full((40, 60), 50.0, "float32"))
    assert ab.min() <= smooth.min() and smooth.max() <= ab.max()
    np.testing.assert_allclose(smooth.mean((0, 1)), ab.mean((0, 1)), atol=3)


def test_a_file_a_picture_and_an_array_are_painted_alike(shaken, noise, tmp_path):
    pipeline, rgb = ColorizationPipeline(*shaken()), noise(20, 30)
    Image.fromarray(rgb).save(tmp_path / "photo.png")
    image = Image.fromarray(rgb)
    painted = [pipeline.paint(photo) for photo in (tmp_path / "photo.png", str(tmp_path / "photo.png"), image, rgb)]
    assert all(np.array_equal(painted[0], other) for other in painted[1:])
    np.testing.assert_array_equal(np.asarray(image), rgb, err_msg="what was given is left as it was")
    grey = pipeline.paint(rgb[..., 0])
    np.testing.assert_array_equal(np.asarray(grey), np.asarray(pipeline.paint(np.stack([rgb[..., 0]] * 3, -1))))


def test_sixteen_bits_of_a_picture_are_scaled(shaken):
    pipeline = ColorizationPipeline(*shaken())
    deep = np.linspace(0, 65535, 600).astype("uint16").reshape(20, 30)
    whole = pipeline.paint(Image.fromarray(deep))
    shallow = pipeline.paint(np.round(deep / 257).astype("uint8"))
    np.testing.assert_array_equal(np.asarray(whole), np.asarray(shallow))


@pytest.mark.parametrize("wrong", [np.zeros((4, 5, 3)), np.zeros((4, 5, 4), "uint8"), np.zeros((0, 5, 3), "uint8")])
def test_an_array_that_is_no_picture_is_refused(wrong, config_of):
    with pytest.raises(UserError, match="expected uint8"):
        ColorizationPipeline(Telltale(), config_of()).paint(wrong)


def test_threads_may_share_a_painter(shaken, noise):
    pipeline, photos = ColorizationPipeline(*shaken()), [noise(20 + i, 30) for i in range(8)]
    start = threading.Barrier(4)

    def paint(photo):
        start.wait(60)
        return np.asarray(pipeline.paint(photo))

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(paint, photos))
    for photo, painted in zip(photos, together):
        np.testing.assert_array_equal(painted, np.asarray(pipeline.paint(photo)))


def test_stored_weights_come_back_the_same(shaken, tmp_path, noise):
    colorizer, config = shaken()
    save_model(colorizer, tmp_path / MODEL, about(config))
    painted = [
        np.asarray(p.paint(noise(20, 30))) for p in (ColorizationPipeline(colorizer, config), colorize.load(tmp_path))
    ]
    np.testing.assert_array_equal(*painted)


@pytest.mark.parametrize("damage", ["foreign", "more layers", "truncated", "text", "config", "no words"])
def test_a_damaged_or_foreign_model_is_an_error(damage, model_folder, config_of):
    model = model_folder / MODEL
    own = read_about(model)
    if damage == "foreign":
        save_model(load_colorizer(model), model, about(config_of("fusion.units=9")))
    elif damage == "more layers":
        larger = Colorizer(build_network(config_of("fusion.merge_modes=[sum,sum]")))
        save_model(larger, model, about(config_of("fusion.merge_modes=[sum]")))
    elif damage == "truncated":
        model.write_bytes(model.read_bytes()[:3000])
    elif damage == "text":
        model.write_text("weights")
    elif damage == "config":
        save_model(load_colorizer(model), model, own.model_copy(update={"config": {"seed": 1}}))
    else:
        save_file({"a": np.zeros(3)}, model)
    with pytest.raises(UserError, match=str(model_folder)):
        colorize.load(model_folder)


def test_a_missing_model_and_a_wrong_setting_are_errors(model_folder, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="is no trained model: model.safetensors not found there"):
        colorize.load(tmp_path)
    with pytest.raises(UserError, match="resize_mode: expected reflect_pad or stretch, received 'crop'"):
        colorize.load(model_folder, resize_mode="crop")
    with pytest.raises(UserError, match="upsampling: expected bilinear or guided, received None"):
        colorize.load(model_folder, upsampling=None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no finished run in outputs/ or multirun/"):
        colorize.load("latest")


def test_the_weights_that_are_loaded_are_the_best(model_folder):
    network = load_colorizer(model_folder).network
    np.testing.assert_allclose(network.get_weights()[-1], np.array([20, -30]) / 110, atol=1e-6)


PEAK = """
import resource, sys
import colorize
from PIL import Image
pipeline = colorize.load(sys.argv[1], upsampling="guided")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pipeline.paint_in_place([Image.effect_noise((1200, 900), 60).convert("RGB")])
large = Image.effect_noise((8000, 5000), 60).convert("RGB")
before = peak()
pipeline.paint_in_place([large])
print((peak() - before) * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.slow
def test_a_large_photo_takes_no_memory_beside_its_own(model_folder):
    done = subprocess.run([sys.executable, "-c", PEAK, str(model_folder)], capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) < 40_000_000, "less than a byte for each of 40 million pixels"
