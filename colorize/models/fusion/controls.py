"""Fusions without a sequence: none, and the controls that a gain must be held against.

Legend: B batch, h w rows and columns of the feature map, C its channels, S channels that are added.
"""

from keras import layers

from colorize.arrays import Features, FeaturesOut, FeaturesToo
from colorize.config.fusion import ConvFusion, GlobalPool, NoFusion
from colorize.config.registry import builds
from colorize.models.graph import with_axes
from colorize.models.layers import convolve, norm


@builds(NoFusion)
def no_fusion(config: NoFusion, features: Features) -> Features:
    """Returns the feature map as it is."""
    return features


@builds(GlobalPool)
def global_pool(config: GlobalPool, features: Features) -> FeaturesOut:
    """The mean over the map through two dense layers, concatenated to every position.

    As an embedding is fused in Deep Koalarization (Baldassarre et al. 2017, section 2.2), with a vector of our own
    encoder's: all that a position can learn of the others is what the whole looks like.
    """
    _, rows, columns, _ = features.shape
    mean = with_axes(layers.GlobalAveragePooling2D(name="pool_mean"), "batch", "channel of the whole map")
    hidden = layers.Dense(config.hidden, activation="relu", name="pool_hidden")(mean(features))
    vector = layers.Dense(config.channels, name="pool_project")(hidden)  # (B, S)
    repeat = with_axes(layers.RepeatVector(rows * columns, name="pool_repeat"), "batch", "position", "channel")
    return beside(features, layers.Reshape((rows, columns, config.channels), name="to_map")(repeat(vector)))


@builds(ConvFusion)
def conv(config: ConvFusion, features: Features) -> FeaturesOut:
    """Residual blocks of two 3x3 convolutions (He et al. 2016): as many weights, and no look beyond the neighbours."""
    stream = layers.Conv2D(config.filters, 1, name="conv_in")(features)
    for number in range(1, config.blocks + 1):
        name, plain = f"conv{number}", config.normalization == "none"
        inner = convolve(stream, config.hidden, f"{name}_first", config.normalization)
        second = layers.Conv2D(config.filters, 3, padding="same", use_bias=plain, name=f"{name}_second")
        inner = second(inner)
        if not plain:
            inner = norm(f"{name}_second_norm")(inner)
        stream = layers.Add(name=f"{name}_add")([stream, inner])
        stream = layers.ReLU(name=f"{name}_relu")(stream)
    return beside(features, layers.Conv2D(config.channels, 1, name="conv_out")(stream))


def beside(features: Features, extra: FeaturesToo) -> FeaturesOut:
    """Concatenates (B, h, w, S) to the feature map along channels."""
    return layers.Concatenate(name="fuse")([features, extra])
