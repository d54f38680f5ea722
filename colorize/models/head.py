"""Heads: map at full size (B, H, W, D) -> ab (B, H, W, 2) in Lab units, and the loss that goes with it."""

from keras import layers, ops

from colorize.color import AB_SCALE
from colorize.config import RegressionHead
from colorize.models.trace import CELLS, Trace


def regression_head(config: RegressionHead, features, trace: Trace):
    """A linear 1x1 convolution in float32, scaled to Lab units. It starts at zero: the first guess is grey."""
    convolution = layers.Conv2D(2, 1, kernel_initializer="zeros", dtype="float32", name="head_ab_scaled")
    ab_scaled = trace(convolution, features, (*CELLS[:3], "channel = a, b scaled"))
    rescaling = layers.Rescaling(AB_SCALE, dtype="float32", name="head_ab")
    return trace(rescaling, ab_scaled, (*CELLS[:3], "channel = a, b in Lab units"))


def regression_loss(config: RegressionHead, ab_true, ab_predicted):
    """Smooth L1 (Huber 1964, eq. 1.4, divided by delta) in Lab units, the mean over pixels and both channels.

    Args:
        ab_true: float32 (B, H, W, 2), Lab units.
        ab_predicted: the same.
    Returns:
        A float32 scalar. With `chroma_weight` w, a pixel of true chroma C counts 1 + w C / 100 times, and the
        weights of the batch are normalised to a mean of 1.
    """
    error = ops.abs(ab_true - ab_predicted)
    quadratic = ops.minimum(error, config.delta)
    loss = quadratic**2 / (2 * config.delta) + error - quadratic
    chroma = ops.norm(ab_true, axis=-1, keepdims=True)
    weight = 1.0 + config.chroma_weight * chroma / 100.0
    return ops.mean(loss * weight) / ops.mean(weight)


HEADS = {RegressionHead: regression_head}
