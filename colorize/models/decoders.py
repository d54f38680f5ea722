"""Decoders: the encoder's maps, one of them fused -> map (B, H / s, W / s, D), s its output stride."""

from typing import NamedTuple

import keras
from keras import layers

from colorize.config.model import KoalarizationDecoder, SkipDecoder
from colorize.config.registry import builds
from colorize.models.graph import with_axes
from colorize.models.layers import convolve


class Maps(NamedTuple):
    """What a decoder is given: maps of the encoder, one of them fused, and the lightness (B, H, W, 1).

    Attributes:
        last: the smallest map.
        skips: the others, from large to small.
        widths: channels of the skips as the encoder made them, so that a fusion changes no width of the decoder.
    """

    last: keras.KerasTensor
    skips: list[keras.KerasTensor]
    widths: list[int]
    lightness_scaled: keras.KerasTensor


@builds(SkipDecoder)
def skip_decoder(config: SkipDecoder, maps: Maps):
    """From the coarsest size to the finest: convolve, double the size, concatenate the encoder's map of that size.

    The size is doubled by a 2x2 convolution, transposed, of stride 2: its positions do not overlap, so it leaves no
    checkerboard by itself; or bilinearly, so that nothing of the coarse grid is left. A convolution at full size is as
    expensive as all the others together, and left to `num_full_resolution_convs`, but for an encoder that leaves no
    other place for one.
    """
    features = _with_global_context(config, maps.last) if config.global_context else maps.last
    if config.dropout:
        features = layers.SpatialDropout2D(config.dropout, name="decoder_dropout")(features)
    stride = maps.lightness_scaled.shape[1] // features.shape[1]
    if stride == config.output_stride:
        return convolve(features, config.filters, "decoder_final", config.normalization)
    skips, widths = list(maps.skips), list(maps.widths)
    while stride > config.output_stride:  # by which layers are called, so that weights are found at any size
        filters = max(widths.pop() if widths else config.filters, config.smallest_width)
        features = convolve(features, filters, f"decoder_stride{stride}", config.normalization)
        stride //= 2
        features = _doubling(config, filters, f"decoder_up{stride}")(features)
        if skips:
            features = layers.Concatenate(name=f"decoder_skip{stride}")([features, skips.pop()])
    if config.num_full_resolution_convs:
        lightness = maps.lightness_scaled
        if config.output_stride > 1:
            lightness = layers.AveragePooling2D(config.output_stride, name="decoder_mean_lightness")(lightness)
        features = layers.Concatenate(name="decoder_lightness")([features, lightness])
    for number in range(1, config.num_full_resolution_convs + 1):
        features = convolve(features, config.filters, f"decoder_full{number}", config.normalization)
    return features


def _doubling(config: SkipDecoder, filters: int, name: str) -> layers.Layer:
    if config.upsampling == "bilinear":
        return layers.UpSampling2D(interpolation="bilinear", name=name)
    return layers.Conv2DTranspose(filters, 2, 2, activation="relu", name=name)


@builds(KoalarizationDecoder)
def koalarization_decoder(config: KoalarizationDecoder, maps: Maps):
    """The decoder of Deep Koalarization (Baldassarre et al. 2017, table 1) up to its last convolution, the head.

    Sizes are doubled by repeating values. There the head, a 3x3 convolution with tanh, came before the last doubling;
    ours is a 1x1 convolution without tanh behind it, which would be the same on either side.
    """
    first, second, third, fourth = config.filters
    features = convolve(maps.last, first, "decoder_conv1", "none")
    features = layers.UpSampling2D(name="decoder_up1")(features)
    features = convolve(features, second, "decoder_conv2", "none")
    features = convolve(features, third, "decoder_conv3", "none")
    features = layers.UpSampling2D(name="decoder_up2")(features)
    features = convolve(features, fourth, "decoder_conv4", "none")
    return layers.UpSampling2D(name="decoder_up3")(features)


def _with_global_context(config: SkipDecoder, fused):
    """Adds global context to each position, a projection of the mean over all of them: (B, h, w, C) -> the same.

    A convolution sees little around it, and what the GRUs carry is a few channels; whether it is a beach or a city is
    told by the whole (global features as in Iizuka et al. 2016, section 3.2, without their classifier).
    """
    steps = [
        layers.GlobalAveragePooling2D(keepdims=True, name="decoder_mean"),
        layers.Dense(fused.shape[-1], activation="relu", name="decoder_context"),
        *([layers.Dropout(config.dropout, name="decoder_context_dropout")] if config.dropout else []),
    ]
    context = fused
    for step in steps:
        context = with_axes(step, "batch", "all rows", "all columns", "channel")(context)  # (B, 1, 1, C)
    return layers.Add(name="decoder_add_context")([fused, context])
