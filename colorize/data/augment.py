"""Augmentation of training photos: crops, mirror images, exposure, double exposures; what is drawn for each, and doing
it on the host. `colorize.training.device_augmentation` does the same on the device."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from colorize.arrays import RgbPhotos, SomeOfThem
from colorize.config.data import Augmentation
from colorize.data.decode import centred_box, resize

MIX_ALPHA = 0.4  # the largest that Zhang et al. 2018 found good on ImageNet (section 3.1)

CURVE = 2.4  # of sRGB, about: see `exposure_table`

NUMBERS = 5  # that `draw` needs for a photo
PHILOX_BLOCK = 4  # numbers that Philox4x64 makes of one value of its counter


class Draw(NamedTuple):
    """What is done to one photo.

    Attributes:
        left, top, right, bottom: the crop, in pixels of the stored photo.
        mirrored: whether the left becomes the right.
        stops: exposure; 1 doubles the light.
    """

    left: float
    top: float
    right: float
    bottom: float
    mirrored: bool
    stops: float


class Draws(NamedTuple):
    """The same for each photo of a batch, (B,)."""

    left: np.ndarray
    top: np.ndarray
    right: np.ndarray
    bottom: np.ndarray
    mirrored: np.ndarray
    stops: np.ndarray

    def of_photos(self) -> Iterator[Draw]:
        """One after another."""
        return map(Draw._make, zip(*self))


class Mix(NamedTuple):
    """What is laid over a batch: itself in another order.

    Attributes:
        share: of the batch in its own order.
        order: which photo is laid over each, (B,).
    """

    share: float
    order: np.ndarray


def random_numbers(seed: int, stream: int, samples: range) -> np.ndarray:
    """NUMBERS of a photo for each sample, uniform in [0, 1): float64 (B, NUMBERS), a pure function of seed and sample.

    Philox counts instead of having a state: a batch of any samples takes one generator, which is set to the first.
    """
    blocks = -(-NUMBERS // PHILOX_BLOCK)
    philox = np.random.Philox(key=[seed, stream], counter=blocks * samples.start)
    return np.random.Generator(philox).random((len(samples), blocks * PHILOX_BLOCK))[:, :NUMBERS]


def draw(size: tuple[int, int], shape: tuple[int, int], augmentation: Augmentation, random: np.ndarray) -> Draws:
    """Random crops at random scales, maybe mirror images, random exposures.

    Args:
        size: (width, height) of the photos.
        shape: (H, W) of the pictures that they become.
        random: `random_numbers`, (B, NUMBERS).
    """
    width, height = size
    left, top, right, bottom = centred_box(size, *shape)
    of_scale, of_left, of_top, of_mirrored, of_stops = random.T
    scale = augmentation.min_crop_scale + (1.0 - augmentation.min_crop_scale) * of_scale
    box_width, box_height = (right - left) * scale, (bottom - top) * scale
    left, top = of_left * np.maximum(0.0, width - box_width), of_top * np.maximum(0.0, height - box_height)
    right, bottom = np.minimum(width, left + box_width), np.minimum(height, top + box_height)
    mirrored = of_mirrored < augmentation.flip_probability
    return Draws(left, top, right, bottom, mirrored, (2 * of_stops - 1) * augmentation.max_exposure_stops)


def augment(image: Image.Image, shape: tuple[int, int], drawn: Draw) -> Image.Image:
    """What was drawn, done to a photo: its crop resized to `shape` (H, W), maybe mirrored, and exposed."""
    picture = resize(image, *shape, drawn[:4])
    if drawn.mirrored:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return Image.fromarray(exposure_table(drawn.stops)[np.asarray(picture)]) if drawn.stops else picture


def draw_mix(photos: int, probability: float, rng: np.random.Generator) -> Mix | None:
    """With that probability, in which ratio a batch of so many photos is laid over itself, and in which order.

    mixup (Zhang et al. 2018, section 1), all photos in one ratio out of Beta(MIX_ALPHA, MIX_ALPHA), half of whose draws
    are within .1 of 0 or 1; in a random order, one photo in B meets itself and stays as it is.
    """
    if rng.random() >= probability:
        return None
    share = rng.beta(MIX_ALPHA, MIX_ALPHA)
    return Mix(share, rng.permutation(photos))


def mix(rgb: RgbPhotos, drawn: Mix | None, rows: slice = slice(None)) -> SomeOfThem:
    """Lays a batch over itself; uint8 (B, H, W, 3) -> those rows of the same.

    Done to the pixels, so that the lightness and the colours of the mixture belong together.
    """
    if drawn is None:
        return rgb[rows]
    return np.round(drawn.share * rgb[rows] + (1 - drawn.share) * rgb[drawn.order[rows]]).astype("uint8")


def exposure_table(stops: float) -> np.ndarray:
    """For each uint8 value of sRGB, the value after 2 ** stops times the light, clipped at white.

    Scaling linear light changes lightness and leaves the chromaticity alone, as a longer exposure does; adding to L
    would leave pale shadows and neon highlights as targets. The gamma of 2.4 stands for sRGB's curve: exact enough to
    jitter with.
    """
    return np.minimum(255, np.round(np.arange(256) * 2.0 ** (stops / CURVE))).astype("uint8")


def rows_of(drawn: Draws, mixed: Mix | None) -> np.ndarray:
    """What was drawn for a batch, as numbers for the device.

    Returns:
        float32 (B, 8): left, top, right and bottom of the crop in pixels of the stored photo, 1 where it is mirrored,
        factor of its sRGB values, its share of the mixture, and which photo is laid over it.
    """
    photos = len(drawn.left)
    share, order = mixed or Mix(1.0, np.arange(photos))
    columns = (*drawn[:5], 2.0 ** (drawn.stops / CURVE), np.full(photos, share), order)
    return np.stack(columns, axis=1).astype("float32")
