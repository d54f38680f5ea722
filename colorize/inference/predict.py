"""From photos of any size to the ab that a model of one size predicts for them.

Legend: B photos, h w rows and columns of the model's picture.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from keras import ops
from PIL import Image

from colorize.config.data import Data
from colorize.data.decode import resize
from colorize.models.colorizer import Colorizer

ResizeMode = Literal["reflect_pad", "stretch"]
"""How a photo of another shape gets into the model's picture: whole and in its own shape, padded by reflection; or
stretched. (Training has `data.resize_mode` center_crop in the place of the first: a crop would lose colours here.)"""


def resize_mode_of(data: Data) -> ResizeMode:
    """How photos were brought to the model's size in training: stretched, or cropped, which keeps their shape."""
    return "stretch" if getattr(data, "resize_mode", "center_crop") == "stretch" else "reflect_pad"


class Frame(NamedTuple):
    """Where in the model's picture a photo lies."""

    top: int
    left: int
    rows: int
    columns: int

    def of(self, picture: np.ndarray) -> np.ndarray:
        """What belongs to the photo, of (h, w, ...)."""
        return picture[self.top : self.top + self.rows, self.left : self.left + self.columns]


Box = tuple[float, float, float, float]
"""A part of a photo: left, top, right, bottom, in pixels."""


def framed(
    image: Image.Image, height: int, width: int, resize_mode: ResizeMode, box: Box | None = None
) -> tuple[np.ndarray, Frame]:
    """Brings a photo, or a part of it, into a picture of a model's size.

    Returns:
        uint8 (height, width, 3), and where in it the photo is.
    """
    left, top, right, bottom = box or (0, 0, *image.size)
    rows, columns = height, width
    if resize_mode == "reflect_pad":
        scale = min(height / (bottom - top), width / (right - left))
        rows, columns = max(1, round(scale * (bottom - top))), max(1, round(scale * (right - left)))
    above, before = (height - rows) // 2, (width - columns) // 2
    around = (above, height - rows - above), (before, width - columns - before), (0, 0)
    # A border of one colour would be a thing to paint, and edges that no photo has.
    picture = np.asarray(resize(image, rows, columns, box))
    return np.pad(picture, around, "symmetric"), Frame(above, before, rows, columns)


FINER = 2
"""Times the model's picture, along both sides: at that size what it said of the whole and of the parts is joined."""

CLOSER = 0.6
"""Share of each side that a closer look takes in: four of them overlap by a third."""


def looks(image: Image.Image) -> list[Box]:
    """What a model is shown of a photo that it is to look at closely: the whole, and four overlapping parts."""
    whole = (0.0, 0.0, float(image.width), float(image.height))
    part = CLOSER * image.width, CLOSER * image.height
    corners = [(x, y) for y in (0.0, image.height - part[1]) for x in (0.0, image.width - part[0])]
    return [whole, *((x, y, x + part[0], y + part[1]) for x, y in corners)]


def together(whole: np.ndarray, closer: list[np.ndarray], boxes: list[Box], size: tuple[int, int]) -> np.ndarray:
    """The mean of what a model said of a photo as a whole, and of its parts, which fade into each other.

    Args:
        whole: float32 (h, w, 2), Lab units.
        closer: the same of each part.
        boxes: where these are.
        size: (W, H) of the photo.
    Returns:
        float32 (h, w, 2), each side `FINER` times that of the whole.
    """
    rows, columns = (FINER * side for side in whole.shape[:2])
    total, weight = np.zeros((rows, columns, 2), "float32"), np.zeros((rows, columns, 1), "float32")
    for ab, (left, top, right, bottom) in zip(closer, boxes):
        x, right = (round(columns * edge / size[0]) for edge in (left, right))
        y, bottom = (round(rows * edge / size[1]) for edge in (top, bottom))
        window = np.outer(_window(bottom - y), _window(right - x))[..., None].astype("float32")
        total[y:bottom, x:right] += window * resized(ab, (right - x, bottom - y))
        weight[y:bottom, x:right] += window
    return (resized(whole, (columns, rows)) + total / weight) / 2


def _window(cells: int) -> np.ndarray:
    """Weights along one side of a part: least at its ends, nowhere 0."""
    return np.hanning(cells + 2)[1:-1] + 1e-3


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


def predict_ab(colorizer: Colorizer, rgb: np.ndarray, resize_mode: ResizeMode) -> np.ndarray:
    """Predicts ab for photos of one size that need not be the model's, as painting does without closer looks.

    Args:
        rgb: uint8 (B, H, W, 3); its colours are not looked at.
    Returns:
        float32 (B, H, W, 2), Lab units.
    """
    height, width = size_of(colorizer)
    if rgb.shape[1:3] == (height, width):
        return ops.convert_to_numpy(colorizer.predict_on_batch(rgb))
    pictures, frames = zip(*(framed(Image.fromarray(photo), height, width, resize_mode) for photo in rgb))
    predicted = ops.convert_to_numpy(colorizer.predict_on_batch(np.stack(pictures)))
    return np.stack([resized(frame.of(ab), rgb.shape[2::-1][:2]) for frame, ab in zip(frames, predicted)])


def resized(planes: np.ndarray, size: tuple[int, int], box=None) -> np.ndarray:
    """Float planes (h, w, C), or a box of them, brought to `size` (width, height) bilinearly, antialiased."""
    channels = [Image.fromarray(np.ascontiguousarray(planes[..., c])) for c in range(planes.shape[-1])]
    return np.stack([np.asarray(c.resize(size, Image.Resampling.BILINEAR, box=box)) for c in channels], axis=-1)
