"""A photo that the page holds: its limits, its pictures, its file, what is remarked."""

import base64
import io

import numpy as np
import pytest
from messages import refused
from PIL import Image

from colorize.demo.photo import colorize_file, data_url
from colorize.errors import NotUsable
from colorize.inference.load import pipeline_of
from colorize.inference.photo_files import photo_of
from colorize.inference.pipeline import Colours
from colorize.inference.write_photo import encode

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what draws the page


@pytest.fixture
def photo(tmp_path, noise):
    """A photo that is larger than what the page shows."""
    path = tmp_path / "grandma.jpg"
    Image.fromarray(noise(9, 12)).resize((1600, 1200), Image.Resampling.BICUBIC).save(path, quality=90)
    return path


def test_what_is_dropped_has_limits(model_folder, monkeypatch, photo):
    pipeline = pipeline_of(model_folder)
    with refused("demo.bytes", error=NotUsable):
        colorize_file(pipeline, bytes(33_000_000), "large.jpg")
    monkeypatch.setattr("colorize.demo.photo.MAX_PIXELS", 1_000_000)
    with refused("demo.pixels", error=NotUsable):
        colorize_file(pipeline, photo.read_bytes().replace(b"JFIF", b"JFIX"), "many.jpg")


def test_the_painted_file_is_what_the_command_would_write(model_folder, photo):
    pipeline = pipeline_of(model_folder)
    painted = colorize_file(pipeline, photo.read_bytes(), "grandma.jpg")
    expected, content = photo_of(photo.read_bytes()), io.BytesIO()
    pipeline.paint_in_place([expected.image])
    encode(expected, content)
    full = painted.full_size(1.0)
    assert np.array_equal(*[np.asarray(Image.open(io.BytesIO(d))) for d in (full, content.getvalue())])
    grey = painted.grey()
    assert painted.shown(1.0).size == grey.size == (1200, 900)
    colourless, vivid = [np.ptp(np.asarray(painted.shown(s)).astype(int), axis=-1).mean() for s in (0.0, 1.0)]
    assert colourless < 1 < vivid
    assert np.ptp(np.asarray(grey).astype(int), axis=-1).max() <= 1
    shown = Image.open(io.BytesIO(base64.b64decode(data_url(grey).removeprefix("data:image/jpeg;base64,"))))
    assert np.abs(np.asarray(shown).astype(int) - np.asarray(grey)).mean() < 2
    assert painted.remarks == []


def test_what_a_photo_loses_and_colours_that_are_hardly_any_are_remarked(model_folder, noise):
    pipeline = pipeline_of(model_folder)
    content = io.BytesIO()
    frames = [Image.fromarray(noise(9, 12)), Image.fromarray(noise(9, 12)[::-1])]
    frames[0].save(content, "PNG", save_all=True, append_images=frames[1:])
    assert colorize_file(pipeline, content.getvalue(), "a.png").remarks == [
        "It had several frames or pages, of which the first is left."
    ]
    faint = lambda images: [Colours(np.full((2, 3, 2), 0.5, "float32"))]  # noqa: E731
    pipeline.predict = faint
    remarks = colorize_file(pipeline, content.getvalue(), "a.png").remarks
    assert len(remarks) == 2 and remarks[0].startswith("It came out nearly grey (mean chroma below 2)")
