"""Painting a photo of any size with a trained colorizer."""

from collections.abc import Callable

import numpy as np
from keras import ops
from PIL import Image

from colorize.color import paint, rgb_to_lab
from colorize.data.images import resize
from colorize.models.colorizer import Colorizer

PIXELS_AT_ONCE = 2**20
"""Colour conversion of a large photo goes in bands of about this many pixels, to bound the memory."""


def paint_photo(colorizer: Colorizer, image: Image.Image, mirror: bool = False) -> Image.Image:
    """Gives a photo new colours; its own lightness stays, at full size.

    The photo is squeezed to the model's size, whatever its shape; ab is predicted there, brought up bilinearly and
    laid over the lightness; what falls out of the gamut is clipped.

    Args:
        colorizer: a trained model.
        image: RGB, any size; its colours are not looked at.
        mirror: see `predictor`.
    Returns:
        RGB of the same size.
    """
    ab = _squeezed_ab(colorizer, [image], mirror)[0]
    rgb = np.asarray(image)
    band = max(1, PIXELS_AT_ONCE // image.width)
    bands = [_paint_band(rgb[top : top + band], ab, (top, image.height)) for top in range(0, image.height, band)]
    return Image.fromarray(np.concatenate(bands))


def predictor(predict: Callable[[np.ndarray], np.ndarray], mirror: bool) -> Callable[[np.ndarray], np.ndarray]:
    """What a model says of photos: its ab, or with `mirror` the mean of it and of that of the mirror images.

    A network answers a mirrored photo a little differently; the mean of both is nearer to the truth, as that of any
    two estimates is whose errors differ.

    Args:
        predict: from uint8 RGB (B, H, W, 3) to ab (B, H, W, 2) in Lab units.
    """
    if not mirror:
        return predict

    def both(rgb: np.ndarray) -> np.ndarray:
        mirrored = predict(np.ascontiguousarray(rgb[:, :, ::-1]))
        return (ops.convert_to_numpy(predict(rgb)) + ops.convert_to_numpy(mirrored)[:, :, ::-1]) / 2

    return both


def predict_ab(colorizer: Colorizer, rgb: np.ndarray) -> np.ndarray:
    """Predicts ab as `paint_photo` does, for photos of one size that need not be the model's.

    Args:
        rgb: uint8 (B, H, W, 3); its colours are not looked at.
    Returns:
        float32 (B, H, W, 2), Lab units.
    """
    if rgb.shape[1:3] == colorizer.network.inputs[0].shape[1:3]:
        return ops.convert_to_numpy(colorizer.predict_on_batch(rgb))
    small = _squeezed_ab(colorizer, [Image.fromarray(photo) for photo in rgb])
    return np.stack([_upsampled(ab, (rgb.shape[2], rgb.shape[1])) for ab in small])


def _squeezed_ab(colorizer: Colorizer, images: list[Image.Image], mirror: bool = False) -> np.ndarray:
    """ab at the model's size, (B, h, w, 2), of photos squeezed to it."""
    _, rows, columns, _ = colorizer.network.inputs[0].shape
    small = np.stack([np.asarray(resize(image, rows, columns)) for image in images])
    return ops.convert_to_numpy(predictor(colorizer.predict_on_batch, mirror)(small))


def _upsampled(ab: np.ndarray, size: tuple[int, int], box=None) -> np.ndarray:
    """ab (a box of it) brought to `size` (width, height), bilinearly."""
    channels = [Image.fromarray(np.ascontiguousarray(ab[..., c])) for c in (0, 1)]
    return np.stack([np.asarray(c.resize(size, Image.Resampling.BILINEAR, box=box)) for c in channels], axis=-1)


def _paint_band(rgb: np.ndarray, ab: np.ndarray, place: tuple[int, int]) -> np.ndarray:
    """Paints the rows of a photo from `place[0]` on, of `place[1]` in all; `ab` covers the whole photo."""
    top, height = place
    scale = ab.shape[0] / height
    box = (0, top * scale, ab.shape[1], (top + rgb.shape[0]) * scale)
    upsampled = _upsampled(ab, (rgb.shape[1], rgb.shape[0]), box)
    return ops.convert_to_numpy(paint(rgb_to_lab(rgb)[..., :1], upsampled))
