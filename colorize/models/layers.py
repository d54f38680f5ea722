"""The convolution that encoder and decoder are made of."""

from typing import Any

from keras import layers

from colorize.arrays import Features

MOMENTUM = 0.95
"""Of the running statistics, over some 20 steps: Keras's .99 would evaluate a run of a few epochs by stale ones."""


def convolve(features: Features, filters: int, name: str, normalization: str, strides: int = 1) -> Any:
    """A 3x3 convolution, batch normalisation where asked for (Ioffe and Szegedy 2015), relu.

    Batch normalisation and no other: in use it is a fixed scale and shift of each channel, so that rows stay apart and
    the dependency map keeps its meaning. Group, instance or layer normalisation over the map would let every row
    depend on all others before the sequence has been read; the decoder may mix rows, and does.

    Args:
        features: (B, H, W, C).
        normalization: batch or none.
    Returns:
        (B, H / strides, W / strides, filters).
    """
    normalized = normalization == "batch"
    convolution = layers.Conv2D(
        filters,
        3,
        strides,
        padding="same",
        activation=None if normalized else "relu",
        use_bias=not normalized,  # the normalisation brings its own
        kernel_initializer="he_normal",
        name=name,
    )
    features = convolution(features)
    if not normalized:
        return features
    features = norm(f"{name}_norm")(features)
    return layers.ReLU(name=f"{name}_relu")(features)


def norm(name: str) -> layers.BatchNormalization:
    """Batch normalisation as everywhere here."""
    return layers.BatchNormalization(momentum=MOMENTUM, name=name)
