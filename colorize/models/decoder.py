"""Decoders: fused map (B, h, w, C + S) and the encoder's skips -> map at full size (B, H, W, D)."""

from keras import layers

from colorize.config import SkipDecoder
from colorize.models.blocks import convolve
from colorize.models.trace import Trace


def skip_decoder(config: SkipDecoder, fused, skips: list, rows: int, trace: Trace):
    """From the coarsest size to the finest: convolve, double the size, lay the encoder's map of that size beside it.

    The size is doubled by a 2x2 convolution, transposed, of stride 2: its cells do not overlap, so it leaves no
    checkerboard by itself. A convolution at full size would cost a quarter of the step and is left out, but for an
    encoder of stride 1, which leaves no other place for one.

    Args:
        rows: H, at which the doubling ends.
    """
    features = _with_global_context(config, fused, trace) if config.global_context else fused
    if config.dropout:
        features = trace(layers.SpatialDropout2D(config.dropout, name="decoder_dropout"), features)
    if features.shape[1] == rows:
        return convolve(trace, features, config.filters, "decoder_final", config.normalization)
    remaining = list(skips)
    while features.shape[1] < rows:
        size = 2 * features.shape[1]
        filters = remaining[-1].shape[-1] if remaining else config.filters
        features = convolve(trace, features, filters, f"decoder_level{size // 2}", config.normalization)
        doubling = layers.Conv2DTranspose(filters, 2, 2, activation="relu", name=f"decoder_up{size}")
        features = trace(doubling, features)
        if remaining:
            features = trace(layers.Concatenate(name=f"decoder_skip{size}"), [features, remaining.pop()])
    return features


def _with_global_context(config: SkipDecoder, fused, trace: Trace):
    """Adds to each cell what the mean over all cells says: (B, h, w, C) -> the same.

    A convolution sees little around it, and what the GRUs carry is a few channels; whether it is a beach or a city is
    told by the whole (global features as in Iizuka et al. 2016, section 3.2, without their classifier).
    """
    whole = ("batch", "all rows", "all columns", "channel")
    mean = trace(layers.GlobalAveragePooling2D(keepdims=True, name="decoder_mean"), fused, whole)  # (B, 1, 1, C)
    dense = layers.Dense(fused.shape[-1], activation="relu", name="decoder_context")
    context = trace(dense, mean, whole)
    if config.dropout:
        context = trace(layers.Dropout(config.dropout, name="decoder_context_dropout"), context, whole)
    return trace(layers.Add(name="decoder_add_context"), [fused, context])


DECODERS = {SkipDecoder: skip_decoder}
