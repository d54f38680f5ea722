"""Augmentation of training photos: crops, mirror images, exposure, double exposures."""

import numpy as np
from PIL import Image

from colorize.arrays import RgbPhotos
from colorize.config.data import Augmentation
from colorize.data.decode import centred_box, resize

MIX_ALPHA = 0.4  # the largest that Zhang et al. 2018 found good on ImageNet (section 3.1)


def augment(image: Image.Image, shape: tuple[int, int], augmentation: Augmentation, rng) -> tuple[Image.Image, bool]:
    """A random crop of `image` at a random scale, resized to `shape` (H, W), maybe mirrored, its exposure jittered.

    Returns:
        the picture, and whether it was mirrored.
    """
    height, width = shape
    left, top, right, bottom = centred_box(image.size, height, width)
    scale = rng.uniform(augmentation.min_crop_scale, 1.0)
    box_width, box_height = (right - left) * scale, (bottom - top) * scale
    left = rng.uniform(0, max(0.0, image.width - box_width))
    top = rng.uniform(0, max(0.0, image.height - box_height))
    right, bottom = min(image.width, left + box_width), min(image.height, top + box_height)
    picture = resize(image, height, width, (left, top, right, bottom))
    mirrored = bool(rng.random() < augmentation.flip_probability)
    if mirrored:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    stops = rng.uniform(-augmentation.max_exposure_stops, augmentation.max_exposure_stops)
    return (Image.fromarray(exposure_table(stops)[np.asarray(picture)]) if stops else picture), mirrored


def mix(rgb: RgbPhotos, probability: float, rng: np.random.Generator) -> RgbPhotos:
    """With that probability, lays a batch over itself in another order; uint8 (B, H, W, 3) -> the same.

    mixup (Zhang et al. 2018, section 1), all photos in one ratio out of Beta(MIX_ALPHA, MIX_ALPHA), half of whose draws
    are within .1 of 0 or 1; in a random order, one photo in B meets itself and stays as it is. Done to the pixels, so
    that the lightness and the colours of the mixture belong together.
    """
    if rng.random() >= probability:
        return rgb
    share = rng.beta(MIX_ALPHA, MIX_ALPHA)
    return np.round(share * rgb + (1 - share) * rgb[rng.permutation(len(rgb))]).astype("uint8")


def exposure_table(stops: float) -> np.ndarray:
    """For each uint8 value of sRGB, the value after 2 ** stops times the light, clipped at white.

    Scaling linear light changes lightness and leaves the chromaticity alone, as a longer exposure does; adding to L
    would leave pale shadows and neon highlights as targets. The gamma of 2.4 stands for sRGB's curve: exact enough to
    jitter with.
    """
    return np.minimum(255, np.round(np.arange(256) * 2.0 ** (stops / 2.4))).astype("uint8")
