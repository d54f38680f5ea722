"""Heads: map of the decoder (B, H / s, W / s, D) -> what is learned, the loss that goes with it, and ab in Lab units.

Legend: B batch, H W rows and columns of the picture, s the stride of the decoder's map, h w rows and columns of the
prediction, Q bins.
"""

from keras import layers, ops

from colorize.arrays import AbPhotos, Features, Output
from colorize.color import AB_SCALE
from colorize.config.model import BinsHead, RegressionHead
from colorize.config.registry import builds
from colorize.models.color_bins import Bins
from colorize.models.graph import AXES, with_axes


@builds(RegressionHead)
class Regression:
    """ab itself is learned.

    Args:
        config: of the head.
        bins: none here.
    """

    def __init__(self, config: RegressionHead, bins: Bins | None = None):
        self.config = config

    def outputs(self, features: Features, stride: int) -> Output:
        """A linear 1x1 convolution in float32, scaled to Lab units, at full size. It starts at zero, which is grey."""
        convolution = layers.Conv2D(2, 1, kernel_initializer="zeros", dtype="float32", name="head_ab_scaled")
        ab_scaled = with_axes(convolution, *AXES[:3], "channel = a, b scaled")(features)
        rescaling = layers.Rescaling(AB_SCALE, dtype="float32", name="head_ab")
        ab = with_axes(rescaling, *AXES[:3], "channel = a, b in Lab units")(ab_scaled)
        if stride == 1:
            return ab
        whole = layers.UpSampling2D(stride, interpolation="bilinear", dtype="float32", name="head_full_size")
        return with_axes(whole, *AXES[:3], "channel = a, b in Lab units")(ab)

    def ab(self, output: AbPhotos) -> AbPhotos:
        """The output as it is."""
        return output


@builds(BinsHead)
class Classification:
    """A distribution over bins of ab is learned, at a coarser size; colours are its annealed mean.

    Zhang et al. 2016, "Colorful Image Colorization", section 2: soft targets (2.1), rebalancing (2.2), decoding (2.3).

    Args:
        config: of the head.
        bins: of the training photos.
    """

    def __init__(self, config: BinsHead, bins: Bins):
        self.config, self.bins = config, bins

    def outputs(self, features: Features, stride: int) -> Output:
        """Logits in float32, (B, h, w, Q), of convolutions that do not overlap. They start at 0: all bins alike."""
        stride = self.config.stride // stride
        convolution = layers.Conv2D(
            len(self.bins), stride, stride, kernel_initializer="zeros", dtype="float32", name="head_logits"
        )
        return with_axes(convolution, *AXES[:3], "bin")(features)

    def ab(self, logits: Features) -> AbPhotos:
        """The annealed mean, sum_q c_q softmax(logits / T)_q (eq. 5), brought to full size bilinearly."""
        shares = ops.softmax(logits / self.config.temperature, axis=-1)
        ab = ops.matmul(shares, self.bins.centres.astype("float32"))  # NumPy: a tensor would be an input of ONNX
        _, rows, columns, _ = logits.shape
        if self.config.stride == 1:
            return ab
        size = rows * self.config.stride, columns * self.config.stride
        return ops.image.resize(ab, size, interpolation="bilinear", data_format="channels_last")
