"""Fusions without a sequence: none, and the controls that a gain must be held against.

Legend: B batch, h w rows and columns of the feature map, C its channels, S channels that are added.
"""

from keras import layers

from colorize.config.fusion import ConvFusion, GlobalPool, NoFusion
from colorize.config.registry import builds
from colorize.models.layers import convolve, norm
from colorize.models.trace import Trace

WHOLE = ("batch", "channel of the whole map")


@builds(NoFusion)
def no_fusion(config: NoFusion, features, trace: Trace):
    """Returns the feature map as it is."""
    return features


@builds(GlobalPool)
def global_pool(config: GlobalPool, features, trace: Trace):
    """The mean over the map through two dense layers, laid beside every cell.

    As an embedding is fused in Deep Koalarization (Baldassarre et al. 2017, section 2.2), with a vector of our own
    encoder's: all that a cell can learn of the others is what the whole looks like.
    """
    _, rows, columns, _ = features.shape
    mean = trace(layers.GlobalAveragePooling2D(name="pool_mean"), features, WHOLE)  # (B, C)
    hidden = trace(layers.Dense(config.hidden, activation="relu", name="pool_hidden"), mean, WHOLE)
    vector = trace(layers.Dense(config.channels, name="pool_project"), hidden, WHOLE)  # (B, S)
    repeated = trace(layers.RepeatVector(rows * columns, name="pool_repeat"), vector, ("batch", "cell", "channel"))
    whole = trace(layers.Reshape((rows, columns, config.channels), name="to_map"), repeated)
    return beside(features, whole, trace)


@builds(ConvFusion)
def conv(config: ConvFusion, features, trace: Trace):
    """Residual blocks of two 3x3 convolutions (He et al. 2016): as many weights, and no look beyond the neighbours."""
    stream = trace(layers.Conv2D(config.filters, 1, name="conv_in"), features)
    for number in range(1, config.blocks + 1):
        name, plain = f"conv{number}", config.normalization == "none"
        inner = convolve(trace, stream, config.hidden, f"{name}_first", config.normalization)
        second = layers.Conv2D(config.filters, 3, padding="same", use_bias=plain, name=f"{name}_second")
        inner = trace(second, inner)
        if not plain:
            inner = trace(norm(f"{name}_second_norm"), inner)
        stream = trace(layers.Add(name=f"{name}_add"), [stream, inner])
        stream = trace(layers.ReLU(name=f"{name}_relu"), stream)
    return beside(features, trace(layers.Conv2D(config.channels, 1, name="conv_out"), stream), trace)


def beside(features, extra, trace: Trace):
    """Lays (B, h, w, S) beside the feature map."""
    return trace(layers.Concatenate(name="fuse"), [features, extra])
