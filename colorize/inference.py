"""Painting a photo of any size with a trained colorizer."""

import numpy as np
from keras import ops
from PIL import Image

from colorize.color import rgb_to_lab
from colorize.data.images import resize
from colorize.metrics import paint
from colorize.models.colorizer import Colorizer

PIXELS_AT_ONCE = 2**20
"""Colour conversion of a large photo goes in bands of about this many pixels, to bound the memory."""


def paint_photo(colorizer: Colorizer, image: Image.Image) -> Image.Image:
    """Gives a photo new colours; its own lightness stays, at full size.

    The photo is squeezed to the model's size, whatever its shape; ab is predicted there, brought up bilinearly and
    laid over the lightness; what falls out of the gamut is clipped.

    Args:
        colorizer: a trained model.
        image: RGB, any size; its colours are not looked at.
    Returns:
        RGB of the same size.
    """
    _, rows, columns, _ = colorizer.network.input.shape
    small = np.asarray(resize(image, rows, columns))[None]
    ab = ops.convert_to_numpy(colorizer(small, training=False))[0]
    rgb = np.asarray(image)
    band = max(1, PIXELS_AT_ONCE // image.width)
    bands = [_paint_band(rgb[top : top + band], ab, (top, image.height)) for top in range(0, image.height, band)]
    return Image.fromarray(np.concatenate(bands))


def _paint_band(rgb: np.ndarray, ab: np.ndarray, place: tuple[int, int]) -> np.ndarray:
    """Paints the rows of a photo from `place[0]` on, of `place[1]` in all; `ab` covers the whole photo."""
    top, height = place
    scale = ab.shape[0] / height
    box = (0, top * scale, ab.shape[1], (top + rgb.shape[0]) * scale)
    size = rgb.shape[1], rgb.shape[0]
    channels = [
        Image.fromarray(np.ascontiguousarray(ab[..., c])).resize(size, Image.Resampling.BILINEAR, box=box)
        for c in (0, 1)
    ]
    upsampled = np.stack([np.asarray(channel) for channel in channels], axis=-1)
    return ops.convert_to_numpy(paint(rgb_to_lab(rgb)[..., :1], upsampled))
