"""Which photos have colours of their own."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from colorize.data.monochrome import is_grey, tone_of
from colorize.metrics.colorfulness import colorfulness

pytestmark = pytest.mark.once

TONES = {
    "sepia": lambda light: np.stack([np.minimum(1, light * 1.2 + 0.05), light * 0.95 + 0.02, light * 0.75], -1),
    "pale sepia": lambda light: np.stack([light**0.95, light, light**1.08], -1),
    "cyanotype": lambda light: light[..., None] * [0.9, 0.94, 0.93] + (1 - light[..., None]) * [0.0, 0.19, 0.33],
}


def by_jpeg(rgb):
    content = io.BytesIO()
    Image.fromarray(rgb).save(content, "JPEG", quality=80)
    return np.asarray(Image.open(content))


def fitted(rgb, size):
    """As photos are decoded: resized once they are read."""
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR))


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
@pytest.mark.parametrize("size", [(192, 128), (70, 110), (40, 24)])
def test_a_print_of_one_tone_is_known_from_the_photo(name, size):
    rgb = getattr(data, name)()
    assert tone_of(fitted(rgb, size)).without_colours(5.0) == ""
    light = np.asarray(Image.fromarray(rgb).convert("L")) / 255
    for tone in TONES.values():
        printed = by_jpeg((tone(light) * 255).clip(0, 255).round().astype("uint8"))
        assert tone_of(fitted(printed, size)).without_colours(5.0) in ("of one tone", "nearly grey")


def test_an_evening_of_one_hue_has_colours():
    down, across = np.mgrid[0:1:96j, 0:1:160j]
    saturation, brightness = across, 0.3 + 0.6 * down
    rgb = np.stack([brightness, brightness * (1 - 0.4 * saturation), brightness * (1 - 0.9 * saturation)], -1)
    assert not tone_of((rgb * 255).astype("uint8")).toned


def test_colorfulness_is_that_of_the_metric(noise):
    pixels = noise(33, 47)
    expected = float(np.asarray(colorfulness(pixels[None])[0])[0])
    assert tone_of(pixels).colorfulness == pytest.approx(expected, rel=1e-5)
    grey = np.repeat(pixels[..., :1], 3, axis=-1)
    assert tone_of(grey).colorfulness == 0.0 and tone_of(grey).without_colours(1e-6) == "nearly grey"
    assert tone_of(grey).without_colours(0.0) == ""


def test_nearly_grey_is_not_grey():
    pixels = np.full((5, 7, 3), 90, "uint8")
    assert is_grey(pixels)
    for place in ((0, 0, 0), (4, 6, 1), (2, 3, 2)):
        changed = pixels.copy()
        changed[place] += 1
        assert not is_grey(changed)
