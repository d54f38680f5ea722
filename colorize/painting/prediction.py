"""From photos of any size to the ab that a model of one size predicts for them.

Legend: B photos, h w rows and columns of the model's picture.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from keras import ops
from PIL import Image

from colorize.config import Data
from colorize.data.images import resize
from colorize.models.colorizer import Colorizer

Fit = Literal["pad", "squash"]
"""How a photo of another shape gets into the model's picture: whole and in its own shape, its surroundings being its
own mirror image; or squeezed."""


def fit_of(data: Data) -> Fit:
    """How photos were brought to the model's size in training: squeezed, or cropped, which keeps their shape."""
    return "squash" if getattr(data, "fit", "crop") == "squash" else "pad"


class Frame(NamedTuple):
    """Where in the model's picture a photo lies."""

    top: int
    left: int
    rows: int
    columns: int

    def of(self, picture: np.ndarray) -> np.ndarray:
        """What belongs to the photo, of (h, w, ...)."""
        return picture[self.top : self.top + self.rows, self.left : self.left + self.columns]


def framed(image: Image.Image, height: int, width: int, fit: Fit) -> tuple[np.ndarray, Frame]:
    """Brings a photo into a picture of a model's size.

    Returns:
        uint8 (height, width, 3), and where in it the photo is.
    """
    rows, columns = height, width
    if fit == "pad":
        scale = min(height / image.height, width / image.width)
        rows, columns = max(1, round(scale * image.height)), max(1, round(scale * image.width))
    top, left = (height - rows) // 2, (width - columns) // 2
    around = (top, height - rows - top), (left, width - columns - left), (0, 0)
    # A border of one colour would be a thing to paint, and edges that no photo has.
    return np.pad(np.asarray(resize(image, rows, columns)), around, "symmetric"), Frame(top, left, rows, columns)


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


def size_of(colorizer: Colorizer) -> tuple[int, int]:
    """Rows and columns of the picture that the model was made for."""
    return colorizer.network.inputs[0].shape[1:3]


def predict_ab(colorizer: Colorizer, rgb: np.ndarray, fit: Fit) -> np.ndarray:
    """Predicts ab as painting does, for photos of one size that need not be the model's.

    Args:
        rgb: uint8 (B, H, W, 3); its colours are not looked at.
    Returns:
        float32 (B, H, W, 2), Lab units.
    """
    height, width = size_of(colorizer)
    if rgb.shape[1:3] == (height, width):
        return ops.convert_to_numpy(colorizer.predict_on_batch(rgb))
    pictures, frames = zip(*(framed(Image.fromarray(photo), height, width, fit) for photo in rgb))
    predicted = ops.convert_to_numpy(colorizer.predict_on_batch(np.stack(pictures)))
    return np.stack([resized(frame.of(ab), rgb.shape[2::-1][:2]) for frame, ab in zip(frames, predicted)])


def resized(planes: np.ndarray, size: tuple[int, int], box=None) -> np.ndarray:
    """Float planes (h, w, C), or a box of them, brought to `size` (width, height) bilinearly, antialiased."""
    channels = [Image.fromarray(np.ascontiguousarray(planes[..., c])) for c in range(planes.shape[-1])]
    return np.stack([np.asarray(c.resize(size, Image.Resampling.BILINEAR, box=box)) for c in channels], axis=-1)
