"""Encoders: scaled lightness (B, H, W, 1) -> feature map (B, h, w, C) and the maps that the decoder sees again.

Legend: B batch, H W rows and columns of the picture, h w of the feature map, C channels.
"""

from keras import layers

from colorize.config import PyramidEncoder, SeedEncoder
from colorize.models.blocks import convolve
from colorize.models.trace import Trace


def seed_encoder(config: SeedEncoder, lightness_scaled, trace: Trace):
    """The question's one convolution: 3x3, relu, same size out as in.

    Returns:
        features (B, H, W, filters), and no skips.
    """
    convolution = layers.Conv2D(config.filters, 3, padding="same", activation="relu", name="encoder_conv")
    return trace(convolution, lightness_scaled), []


def pyramid_encoder(config: PyramidEncoder, lightness_scaled, trace: Trace):
    """One level per entry of `filters`: a convolution of stride 2 and, from the second level on, one at that size.

    The first level is the strided convolution alone: another one at half size would cost as much as all the others
    together, and colour is smooth (JPEG stores it at half size).

    Returns:
        features (B, H / stride, W / stride, filters[-1]), and the outputs of all other levels, from large to small.
    """
    features, levels = lightness_scaled, []
    for level, filters in enumerate(config.filters, start=1):
        features = convolve(trace, features, filters, f"encoder_down{level}", config.normalization, strides=2)
        if level > 1:
            features = convolve(trace, features, filters, f"encoder_level{level}", config.normalization)
        levels.append(features)
    return levels[-1], levels[:-1]


ENCODERS = {SeedEncoder: seed_encoder, PyramidEncoder: pyramid_encoder}
