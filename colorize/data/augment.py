"""Augmentation of training photos: crops, mirror images, exposure, double exposures; what is drawn for each, and doing
it on the host. `colorize.training.device_augmentation` does the same on the device."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from colorize.arrays import RgbPhotos
from colorize.config.data import Augmentation
from colorize.data.decode import centred_box, resize

MIX_ALPHA = 0.4  # the largest that Zhang et al. 2018 found good on ImageNet (section 3.1)

CURVE = 2.4  # of sRGB, about: see `exposure_table`


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


class Mix(NamedTuple):
    """What is laid over a batch: itself in another order.

    Attributes:
        share: of the batch in its own order.
        order: which photo is laid over each, (B,).
    """

    share: float
    order: np.ndarray


def draw(size: tuple[int, int], shape: tuple[int, int], augmentation: Augmentation, rng: np.random.Generator) -> Draw:
    """A random crop at a random scale, maybe a mirror image, a random exposure.

    Args:
        size: (width, height) of the photo.
        shape: (H, W) of the picture that it becomes.
    """
    width, height = size
    left, top, right, bottom = centred_box(size, *shape)
    scale = rng.uniform(augmentation.min_crop_scale, 1.0)
    box_width, box_height = (right - left) * scale, (bottom - top) * scale
    left = rng.uniform(0, max(0.0, width - box_width))
    top = rng.uniform(0, max(0.0, height - box_height))
    right, bottom = min(width, left + box_width), min(height, top + box_height)
    mirrored = bool(rng.random() < augmentation.flip_probability)
    stops = rng.uniform(-augmentation.max_exposure_stops, augmentation.max_exposure_stops)
    return Draw(left, top, right, bottom, mirrored, stops)


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


def mix(rgb: RgbPhotos, drawn: Mix | None) -> RgbPhotos:
    """Lays a batch over itself; uint8 (B, H, W, 3) -> the same.

    Done to the pixels, so that the lightness and the colours of the mixture belong together.
    """
    if drawn is None:
        return rgb
    return np.round(drawn.share * rgb + (1 - drawn.share) * rgb[drawn.order]).astype("uint8")


def exposure_table(stops: float) -> np.ndarray:
    """For each uint8 value of sRGB, the value after 2 ** stops times the light, clipped at white.

    Scaling linear light changes lightness and leaves the chromaticity alone, as a longer exposure does; adding to L
    would leave pale shadows and neon highlights as targets. The gamma of 2.4 stands for sRGB's curve: exact enough to
    jitter with.
    """
    return np.minimum(255, np.round(np.arange(256) * 2.0 ** (stops / CURVE))).astype("uint8")


def rows_of(drawn: Sequence[Draw], mixed: Mix | None) -> np.ndarray:
    """What was drawn for a batch, as numbers for the device.

    Returns:
        float32 (B, 8): left, top, right and bottom of the crop in pixels of the stored photo, 1 where it is mirrored,
        factor of its sRGB values, its share of the mixture, and which photo is laid over it.
    """
    own = np.arange(len(drawn))
    share, order = mixed or Mix(1.0, own)
    rows = [(*one[:5], 2.0 ** (one.stops / CURVE), share, other) for one, other in zip(drawn, order)]
    return np.array(rows, "float32")
