"""Painting photos of any size: what stays, where colours go, and what is refused."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from messages import refused
from PIL import Image
from skimage import color as reference
from skimage import data
from telltale import Telltale, colours_of

import colorize
from colorize.config.base import PROJECT
from colorize.inference import pipeline as painting
from colorize.inference.pipeline import ColorizationPipeline


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


@pytest.mark.parametrize("upsampling", ["bilinear", "guided"])
def test_16_bits_keep_their_lightness_to_a_hundredth_and_their_opacity(upsampling, model_folder):
    smooth = np.asarray(Image.fromarray(data.coffee()).resize((90, 60))) * 256.0
    deep = np.dstack([smooth + np.arange(90)[None, :, None] * 2.5, np.full((60, 90), 12345)]).astype("uint16")
    photo, canvas = Image.fromarray((deep[..., :3] // 257).astype("uint8")), deep.copy()
    other = Image.fromarray(data.coffee()[:20, :30])  # of 8 bits, painted in the same call
    colorize.load(model_folder, upsampling=upsampling).paint_in_place([photo, other], canvases=[canvas, other])
    before, after = (reference.rgb2lab(rgb[..., :3] / 65535) for rgb in (deep, canvas))
    assert np.abs(after[..., 0] - before[..., 0]).max() < 0.01
    middle = (before[..., 0] > 45) & (before[..., 0] < 70)  # where (20, -30) is in the gamut
    np.testing.assert_allclose(after[middle][:, 1:], np.broadcast_to([20, -30], (middle.sum(), 2)), atol=0.1)
    np.testing.assert_array_equal(canvas[..., 3], deep[..., 3])
    assert len(np.unique(canvas[..., 0])) > 1000, "more than 8 bits have values"
    assert not np.array_equal(np.asarray(other), data.coffee()[:20, :30])


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


@pytest.mark.once
def test_colours_do_not_change_with_the_size_of_the_photo():
    """The model in the box: the same photo at 128, 512 and 1,536 pixels."""
    pipeline, size = colorize.load(), (128, 85)
    photo = Image.fromarray(data.coffee())
    seen = [pipeline.paint(photo.resize((w, round(w * 2 / 3)), Image.Resampling.LANCZOS)) for w in (512, 1536, 128)]
    ab = [colours_of(painted.resize(size, Image.Resampling.BOX)) for painted in seen]
    assert np.abs(ab[0] - ab[1]).mean() < 0.5
    assert np.abs(ab[0] - ab[2]).mean() < 3, "of 128 pixels, a closer look sees no more"


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
    with refused("paint.array", received=f"{wrong.dtype} of shape {wrong.shape}"):
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
