"""Encoders: scaled lightness (B, H, W, 1) -> feature map (B, h, w, C) and the maps that the decoder sees again.

Legend: B batch, H W rows and columns of the picture, h w of the feature map, C channels.
"""

from typing import Any

from keras import layers

from colorize.arrays import Features, FeaturesOut, LightnessPhotos
from colorize.config.model import KoalarizationEncoder, PyramidEncoder, QuestionEncoder, ResidualEncoder
from colorize.config.registry import builds
from colorize.models.layers import convolve


@builds(QuestionEncoder)
def question_encoder(config: QuestionEncoder, lightness_scaled: LightnessPhotos) -> tuple[Any, list]:
    """The question's one convolution: 3x3, relu, same size out as in.

    Returns:
        features (B, H, W, filters), and no skips.
    """
    convolution = layers.Conv2D(config.filters, 3, padding="same", activation="relu", name="encoder_conv")
    return convolution(lightness_scaled), []


@builds(PyramidEncoder)
def pyramid_encoder(config: PyramidEncoder, lightness_scaled: LightnessPhotos) -> tuple[Any, list]:
    """One level per entry of `filters`: a convolution of stride 2 and, from the second level on, one at that size.

    The first level is the strided convolution alone: another one at half size would cost as much as all the others
    together, and colour is smooth (JPEG stores it at half size).

    Returns:
        features (B, H / stride, W / stride, filters[-1]), and the outputs of all other levels, from large to small.
    """
    features, levels = lightness_scaled, []
    for level, filters in enumerate(config.filters, start=1):
        features = convolve(features, filters, f"encoder_down{level}", config.normalization, strides=2)
        if level > 1:
            features = convolve(features, filters, f"encoder_level{level}", config.normalization)
        levels.append(features)
    return levels[-1], levels[:-1]


@builds(KoalarizationEncoder)
def koalarization_encoder(config: KoalarizationEncoder, lightness_scaled: LightnessPhotos) -> tuple[Any, list]:
    """The encoder of Deep Koalarization: eight 3x3 convolutions with relu (Baldassarre et al. 2017, table 1).

    Returns:
        features (B, H / 8, W / 8, filters[-1]), and no skips.
    """
    features = lightness_scaled
    for number, filters in enumerate(config.filters, start=1):
        strides = 2 if number in (1, 3, 5) else 1
        features = convolve(features, filters, f"encoder_conv{number}", "none", strides)
    return features, []


@builds(ResidualEncoder)
def residual_encoder(config: ResidualEncoder, lightness_scaled: LightnessPhotos) -> tuple[Any, list]:
    """Levels of residual blocks, each with norm and relu before its two convolutions (He et al. 2016b, figure 4e).

    The norm is over the channels of a position (as in ConvNeXt, Liu et al. 2022), which keeps rows apart, or over
    groups of channels and all positions (Wu and He 2018), after which every row depends on every other one: the
    dependency map then shows what the convolutions see as everything.

    Returns:
        features (B, H / stride, W / stride, channels), and the outputs of all other levels, from large to small.
    """
    features, levels = lightness_scaled, []
    for level, filters in enumerate(config.maps.values(), start=1):
        down = layers.Conv2D(filters, 3, 2, padding="same", kernel_initializer="he_normal", name=f"encoder_down{level}")
        features = down(features)
        for number in range(1, config.depth + 1):
            features = _residual_block(config, features, filters, f"encoder_level{level}_block{number}")
        levels.append(_norm(config, f"encoder_level{level}_norm")(features))
    return levels[-1], levels[:-1]


def _residual_block(config: ResidualEncoder, features: Features, filters: int, name: str) -> FeaturesOut:
    inner = features
    for number in (1, 2):
        inner = _norm(config, f"{name}_norm{number}")(inner)
        inner = layers.ReLU(name=f"{name}_relu{number}")(inner)
        convolution = layers.Conv2D(
            filters, 3, padding="same", kernel_initializer="he_normal", name=f"{name}_conv{number}"
        )
        inner = convolution(inner)
    return layers.Add(name=f"{name}_add")([features, inner])


def _norm(config: ResidualEncoder, name: str) -> layers.Layer:
    if config.normalization == "layer":
        return layers.LayerNormalization(name=name)
    return layers.GroupNormalization(config.groups, name=name)
