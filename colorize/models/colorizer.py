"""The colorizer: a network from lightness to ab, trained on uint8 RGB with everything else in the compiled step.

Legend: B batch, H W rows and columns.
"""

from dataclasses import dataclass

import keras
from keras import ops

from colorize.color import rgb_to_lab
from colorize.config import Config, RegressionHead
from colorize.models.decoder import DECODERS
from colorize.models.encoder import ENCODERS
from colorize.models.fusion import FUSIONS
from colorize.models.head import HEADS, regression_loss
from colorize.models.trace import Trace


@dataclass(frozen=True)
class Network:
    """The functional model from scaled lightness (B, H, W, 1) to ab (B, H, W, 2), and how it was built."""

    model: keras.Model
    trace: Trace


def build_network(config: Config) -> Network:
    """Builds the network that the configuration describes, in its precision; `keras.utils.set_random_seed` first."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.trainer.precision)
    try:
        return _build(config)
    finally:
        keras.config.set_dtype_policy(policy)


def _build(config: Config) -> Network:
    trace = Trace()
    picture = keras.Input((config.data.height, config.data.width, 1), name="lightness_scaled", dtype="float32")
    trace.stage = "encoder"
    features, skips = ENCODERS[type(config.encoder)](config.encoder, picture, trace)
    trace.stage = "fusion"
    fused = FUSIONS[type(config.fusion)](config.fusion, features, trace)
    trace.stage = "decoder"
    decoded = DECODERS[type(config.decoder)](config.decoder, fused, skips, config.data.height, trace)
    trace.stage = "head"
    ab = HEADS[type(config.head)](config.head, decoded, trace)
    return Network(keras.Model(picture, ab, name="colorizer"), trace)


def scale_lightness(lightness):
    """L in 0..100 -> -1..1, as the network takes it."""
    return lightness / 50.0 - 1.0


class AbRootMeanSquare(keras.metrics.Mean):
    """Root of the mean squared ab error over every pixel and both channels, in Lab units."""

    def update_state(self, ab_true, ab_predicted, sample_weight=None):
        """Adds a batch of (B, H, W, 2); a smaller last batch counts for less."""
        error = ops.mean(ops.square(ab_true - ab_predicted), axis=(1, 2, 3))
        super().update_state(error, sample_weight)

    def result(self):
        """Lab units."""
        return ops.sqrt(super().result())


class Colorizer(keras.Model):
    """Trains a network on photos: `fit` and `evaluate` take uint8 RGB (B, H, W, 3) and no target.

    Args:
        network: what `build_network` returned.
        head: the configuration of the head, for its loss.
    Call arguments:
        rgb: uint8 (B, H, W, 3).
    Returns:
        ab, float32 (B, H, W, 2) in Lab units.
    """

    def __init__(self, network: Network, head: RegressionHead):
        super().__init__(name="trained_colorizer", dtype="float32")
        self.network = network.model
        self.head = head
        self.ab_rmse = AbRootMeanSquare(name="ab_rmse")

    def compile(self, *args, **kwargs):
        """As in Keras, and builds the optimizer: built within the first step, TensorFlow would trace the step twice."""
        super().compile(*args, **kwargs)
        self.optimizer.build(self.trainable_variables)

    def call(self, rgb, training=False):
        """Predicts ab from nothing but the lightness of `rgb`."""
        return self.network(scale_lightness(rgb_to_lab(rgb)[..., :1]), training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The loss of the head against the photo's own ab."""
        return regression_loss(self.head, rgb_to_lab(x)[..., 1:], y_pred)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Loss and ab RMSE, in Lab units."""
        self.ab_rmse.update_state(rgb_to_lab(x)[..., 1:], y_pred)
        return self.get_metrics_result()
