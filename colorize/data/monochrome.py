"""Photos without colours of their own: grey ones, nearly grey ones, and prints of one tone such as sepia.

NumPy and Pillow alone: it runs in the processes that decode photos. All but `is_grey` look at a photo of about 32 x 32
pixels, so that what JPEG does to colours is averaged away, and a tenth of a millisecond is enough.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from colorize.arrays import Pixels, Plane

SIDE = 32
"""Pixels of the shorter side of what is looked at, or up to twice as many."""
LEVELS = 32
"""Steps of brightness by which a tone's colours are looked at."""
WIDEST_HUES = 20.0
"""Degrees; the circular standard deviation of a print's hues, weighted by chroma, stays below."""
LARGEST_RESIDUAL, RESIDUAL_SHARE = 2.5, 0.12
"""How far colours lie from those that brightness alone would give: in 0..255, and as a share of the mean chroma."""

EXACTLY_GREY, NEARLY_GREY, TONED = "exactly grey", "nearly grey", "of one tone"
"""What photos without colours are called in the manifest and the summary."""


@dataclass(frozen=True, slots=True)
class Tone:
    """How much colour a photo has.

    Attributes:
        colorfulness: Hasler and Suesstrunk (2003, section 7), of the small photo: 0 is grey, 15 slightly colourful.
        toned: whether it is a print of one tone, such as sepia or cyanotype.
    """

    colorfulness: float
    toned: bool

    def without_colours(self, min_colorfulness: float) -> str:
        """What a photo is that `data.grey=drop` leaves out, in words; empty where it has colours."""
        return NEARLY_GREY if self.colorfulness < min_colorfulness else TONED if self.toned else ""


def is_grey(pixels: Pixels) -> bool:
    """Whether red, green and blue are equal everywhere: uint8 (H, W, 3)."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    return np.array_equal(red[0], green[0]) and np.array_equal(red, green) and np.array_equal(green, blue)


def tone_of(pixels: Pixels) -> Tone:
    """Looks at a photo's opponent colours, R - G and (R + G) / 2 - B."""
    image = Image.fromarray(pixels).reduce(max(min(pixels.shape[:2]) // SIDE, 1))
    red, green, blue = np.asarray(image, "float32").reshape(-1, 3).T
    rg, yb = red - green, (red + green) / 2 - blue
    colorfulness = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
    return Tone(float(colorfulness), _is_toned(rg, yb, (red + green + blue) / 3))


def _is_toned(rg: Plane, yb: Plane, brightness: Plane) -> bool:
    """Whether the colours of a photo follow from its brightness.

    Two things must hold: the hues spread little, and colours lie close to their mean at each brightness. A sunset has
    one hue too, but several colours at one brightness.
    """
    chroma = np.hypot(rg, yb)
    if chroma.mean() < 1.0:
        return False
    length = np.hypot(rg.sum(), yb.sum()) / chroma.sum()  # of the mean direction: 1 where all hues are one
    if np.degrees(np.sqrt(-2 * np.log(np.clip(length, 1e-9, 1)))) >= WIDEST_HUES:
        return False
    residual = np.hypot(_beside_curve(rg, brightness), _beside_curve(yb, brightness))
    return bool(residual < max(LARGEST_RESIDUAL, RESIDUAL_SHARE * chroma.mean()))


def _beside_curve(values: Plane, brightness: Plane) -> float:
    """Root mean square of the values' distance from the curve of their means by brightness."""
    level = (brightness * LEVELS / 256).astype(int)
    number = np.bincount(level, minlength=LEVELS)
    used = number > 0
    at, means = (np.bincount(level, of, LEVELS)[used] / number[used] for of in (brightness, values))
    return float(np.sqrt(np.mean((values - np.interp(brightness, at, means)) ** 2)))
