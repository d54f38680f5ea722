"""Painting: a photo's own lightness, untouched and at full size, under the colours that a model predicts.

Legend: N pixels, h w rows and columns of the model's picture.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import ops
from PIL import Image

from colorize.arrays import DeepPixels
from colorize.color import compose_in_gamut, rgb_to_lightness
from colorize.config.model import BinsHead
from colorize.config.schema import Config
from colorize.data.decode import resize, without_warnings
from colorize.data.sixteen_bit import MAX_16
from colorize.data.srgb import SIXTEEN_BIT, eight_bits
from colorize.errors import NotUsable, UserError
from colorize.inference.photo_files import read
from colorize.inference.predict import Box, ResizeMode, framed, looks, predictor, resize_mode_of, size_of, together
from colorize.inference.upsampling import Bilinear, Guided, Upsampling
from colorize.models.colorizer import Colorizer

PIXELS_PER_CHUNK = 2**18
"""Colours are laid on in chunks of so many pixels, whatever the photos, to bound the memory."""

PHOTOS_AT_ONCE = 32
"""Photos that the network sees together."""

PIXELS, PHOTOS = (2**12, 2**15, 2**17, PIXELS_PER_CHUNK), (1, 5, PHOTOS_AT_ONCE)
"""What is computed together is filled up to one of these sizes: each new one would be compiled anew."""


Canvas = Image.Image | DeepPixels
"""What is painted: RGB of Pillow's, or uint16 (H, W, 3), or (H, W, 4) whose opacity is left alone."""


class Lightness(keras.Model):
    """The lightness (N, 1) of RGB (N, 3), uint8 or float32 in 0..1, compiled."""

    def call(self, rgb):
        return rgb_to_lightness(rgb)


class Compose(keras.Model):
    """RGB (N, 3) with the lightness of another (N, 3) and ab (N, 2), compiled: uint8, or of float32 in 0..1 uint16."""

    def call(self, given):
        rgb, ab = given
        dtype = "uint16" if "float" in str(rgb.dtype) else "uint8"
        return compose_in_gamut(rgb_to_lightness(rgb), ab, dtype)


@dataclass(frozen=True)
class _Band:
    """Some rows of a photo."""

    canvas: Canvas
    colours: Bilinear
    top: int
    rows: int

    def pixels(self) -> np.ndarray:
        """uint8 (N, 3), or float32 (N, 3) in 0..1 where the photo has 16 bits."""
        below = self.top + self.rows
        if isinstance(self.canvas, np.ndarray):
            return (self.canvas[self.top : below, :, :3].astype("float32") / MAX_16).reshape(-1, 3)
        return np.asarray(self.canvas.crop((0, self.top, self.canvas.width, below))).reshape(-1, 3)

    def ab(self, lightness: np.ndarray | None) -> np.ndarray:
        """(N, 2); for lightness (N, 1), where the colours depend on it."""
        guide = None if lightness is None else lightness.reshape(self.rows, -1)
        return self.colours.band(self.top, self.rows, guide).reshape(-1, 2)

    def put(self, rgb: np.ndarray) -> None:
        """Replaces the pixels."""
        rows = rgb.reshape(self.rows, -1, 3)
        if isinstance(self.canvas, np.ndarray):
            self.canvas[self.top : self.top + self.rows, :, :3] = rows
        else:
            self.canvas.paste(Image.fromarray(rows), (0, self.top))


class Colours(NamedTuple):
    """What a model says of a photo, at the model's size and without what surrounds the photo there.

    Attributes:
        ab: float32 (h, w, 2), Lab units.
        lightness: float32 (h, w), where colours are to follow it; else None.
    """

    ab: np.ndarray
    lightness: np.ndarray | None = None

    def of_size(self, size: tuple[int, int], saturation: float) -> Bilinear:
        """Brought to a photo's (W, H), as strong as wanted."""
        ab = self.ab * np.float32(saturation)
        return Bilinear(ab, size) if self.lightness is None else Guided(ab, self.lightness, size)

    @property
    def chroma(self) -> float:
        """The mean, Lab units: 0 is grey."""
        return float(np.linalg.norm(self.ab, axis=-1).mean())


class ColorizationPipeline:
    """Paints photos of any size; several threads may share one.

    Args:
        colorizer: a trained model.
        config: of it.
        resize_mode: reflect_pad or stretch, see `ResizeMode`; None: as it was trained.
        upsampling: bilinear, or guided by the lightness.
        saturation: what ab is multiplied by; 1: as predicted, 0: grey.
        description: the model in a line, for the screen.
    """

    def __init__(
        self, colorizer: Colorizer, config: Config, resize_mode: ResizeMode | None = None,
        upsampling: Upsampling = "bilinear", saturation: float = 1.0, description: str = "",
    ):  # fmt: skip
        self.size, self.saturation, self.description = size_of(colorizer), saturation, description
        self.temperature = config.head.temperature if isinstance(config.head, BinsHead) else None
        self.resize_mode = resize_mode or resize_mode_of(config.data)
        self.upsampling, self.multi_scale = upsampling, config.evaluation.flip_tta
        self._predict = predictor(colorizer.predict_on_batch, config.evaluation.flip_tta)
        self._lightness, self._compose = Lightness(dtype="float32"), Compose(dtype="float32")
        for model in (self._lightness, self._compose):
            model.compile(jit_compile=True)  # five times as fast as TensorFlow's graph, which keeps what is in between
        # Keras prepares a model's functions when it is first called; two photos may be at the two stages.
        self._network_lock, self._compose_lock = threading.Lock(), threading.Lock()

    def paint(self, photo: str | PathLike | np.ndarray | Image.Image) -> Image.Image:
        """Gives one photo new colours; its lightness stays, also where sRGB does not have so strong a colour.

        Args:
            photo: the path of a file, a picture of Pillow's, or uint8 (H, W, 3) or (H, W). Its colours are
                not looked at.
        Returns:
            RGB of the same size; upright, where a file asks to be turned.
        Raises:
            UserError: the file cannot be used, or the array is no picture.
        """
        image = _own_image(photo)
        self.paint_in_place([image])
        return image

    def paint_in_place(
        self,
        images: Sequence[Image.Image],
        saturation: float | None = None,
        canvases: Sequence[Canvas] | None = None,
    ) -> list[float]:
        """Paints RGB pictures in place, many of them together, which is faster.

        Args:
            saturation: another one than the pipeline's own.
            canvases: what is painted instead of each, at any size; of 16 bits, for example.
        Returns:
            the mean chroma of what was predicted for each, Lab units: 0 is grey.
        """
        chroma = []
        for start in range(0, len(images), PHOTOS_AT_ONCE):
            batch = images[start : start + PHOTOS_AT_ONCE]
            colours = self.predict(batch)
            self.compose((canvases or images)[start : start + PHOTOS_AT_ONCE], colours, saturation)
            chroma += [own.chroma for own in colours]
        return chroma

    def predict(self, images: Sequence[Image.Image]) -> list[Colours]:
        """What the model says of some RGB pictures, at most `PHOTOS_AT_ONCE`."""
        boxes = [self._boxes(image) for image in images]
        shown = [framed(image, *self.size, self.resize_mode, box) for image, own in zip(images, boxes) for box in own]
        pictures = np.stack([picture for picture, _ in shown])
        said = iter([frame.of(ab) for ab, (_, frame) in zip(self._predicted(pictures), shown)])
        colours = []
        for image, own in zip(images, boxes):
            ab, *closer = [next(said) for _ in own]
            ab = together(ab, closer, [box for box in own[1:] if box], image.size) if closer else ab
            colours.append(Colours(ab, self._guide(image, ab) if self.upsampling == "guided" else None))
        return colours

    def _boxes(self, image: Image.Image) -> Sequence[Box | None]:
        """Which parts of a photo the model is shown; None: the whole. One of the model's own size is seen as it is."""
        multi_scale = self.multi_scale and (image.height, image.width) != tuple(self.size)
        return looks(image) if multi_scale else [None]

    def _predicted(self, pictures: np.ndarray) -> np.ndarray:
        """ab (N, h, w, 2), of any number of pictures."""
        parts = [pictures[start : start + PHOTOS_AT_ONCE] for start in range(0, len(pictures), PHOTOS_AT_ONCE)]
        with self._network_lock:
            return np.concatenate([_padded(self._predict, PHOTOS, part) for part in parts])

    def _guide(self, image: Image.Image, ab: np.ndarray) -> np.ndarray:
        """The lightness of a photo, of the same size as its ab."""
        rows, columns = ab.shape[:2]
        return self._lightness_of(np.asarray(resize(image, rows, columns)).reshape(-1, 3)).reshape(rows, columns)

    def compose(self, canvases: Sequence[Canvas], colours: Sequence[Colours], saturation: float | None = None) -> None:
        """Lays colours on pictures, in place; on the photo that they were predicted for, at any size."""
        strength = self.saturation if saturation is None else saturation
        each = [own.of_size(_size(canvas), strength) for canvas, own in zip(canvases, colours)]
        bands = (band for canvas, own in zip(canvases, each) for band in _bands(canvas, own))
        for chunk in _chunks(bands):
            self._paint_bands(chunk)

    def _paint_bands(self, bands: list[_Band]) -> None:
        pixels = [band.pixels() for band in bands]
        ends = np.cumsum([len(p) for p in pixels])[:-1]
        rgb = np.concatenate(pixels)
        lightness: Sequence[np.ndarray | None] = [None] * len(bands)
        if self.upsampling == "guided":
            lightness = np.split(self._lightness_of(rgb), ends)
        ab = np.concatenate([band.ab(part) for band, part in zip(bands, lightness)])
        with self._compose_lock:
            painted = _padded(lambda *given: self._compose.predict_on_batch(list(given)), PIXELS, rgb, ab)
        for band, part in zip(bands, np.split(painted, ends)):
            band.put(part)

    def _lightness_of(self, rgb: np.ndarray) -> np.ndarray:
        """(N, 1) of (N, 3), a chunk at a time."""
        chunks = [rgb[start : start + PIXELS_PER_CHUNK] for start in range(0, len(rgb), PIXELS_PER_CHUNK)]
        with self._compose_lock:
            return np.concatenate([_padded(self._lightness.predict_on_batch, PIXELS, part) for part in chunks])


def _own_image(photo) -> Image.Image:
    if isinstance(photo, Image.Image):
        return (eight_bits(photo) if photo.mode in SIXTEEN_BIT else photo).convert("RGB")
    if not isinstance(photo, np.ndarray):
        try:
            with without_warnings():
                return read(Path(photo)).image
        except NotUsable as error:
            raise UserError(f"{photo} cannot be painted: {error}") from None
    if photo.dtype != np.uint8 or photo.ndim not in (2, 3) or photo.shape[2:] not in ((), (3,)) or not photo.size:
        raise UserError(
            "painting an array: expected uint8 of shape (rows, columns, 3) or (rows, columns), received"
            f" {photo.dtype} of shape {photo.shape}"
        )
    return Image.fromarray(photo).convert("RGB")


def _size(canvas: Canvas) -> tuple[int, int]:
    """(W, H)."""
    return (canvas.shape[1], canvas.shape[0]) if isinstance(canvas, np.ndarray) else canvas.size


def _bands(canvas: Canvas, colours: Bilinear) -> Iterator[_Band]:
    width, height = _size(canvas)
    rows = max(1, PIXELS_PER_CHUNK // width)
    for top in range(0, height, rows):
        yield _Band(canvas, colours, top, min(rows, height - top))


def _chunks(bands: Iterator[_Band]) -> Iterator[list[_Band]]:
    """Bands, of several photos of one kind where these are small, that make `PIXELS_PER_CHUNK` together."""
    chunk: list[_Band] = []
    pixels = 0
    for band in bands:
        size = band.rows * _size(band.canvas)[0]
        if chunk and (pixels + size > PIXELS_PER_CHUNK or type(band.canvas) is not type(chunk[-1].canvas)):
            yield chunk
            chunk, pixels = [], 0
        chunk.append(band)
        pixels += size
    if chunk:
        yield chunk


def _padded(compute, sizes: Sequence[int], *arrays: np.ndarray) -> np.ndarray:
    """Computes something for each of N elements, of which there are made as many as the next of some sizes."""
    number = len(arrays[0])
    missing = next((size - number for size in sizes if size >= number), 0)
    filled = [np.concatenate([a, np.zeros((missing, *a.shape[1:]), a.dtype)]) for a in arrays]
    return ops.convert_to_numpy(compute(*filled))[:number]
