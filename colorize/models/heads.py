"""Heads: map of the decoder (B, H / s, W / s, D) -> what is learned, the loss that goes with it, and ab in Lab units.

Legend: B batch, H W rows and columns of the picture, s pixels to a cell of the decoder's map, h w rows and columns of
the prediction, Q bins.
"""

from keras import layers, ops

from colorize.color import AB_SCALE
from colorize.config.model import BinsHead, RegressionHead
from colorize.models.color_bins import Bins, rebalancing, soft_targets
from colorize.models.trace import CELLS, Trace
from colorize.registry import builds


@builds(RegressionHead)
class Regression:
    """ab itself is learned.

    Args:
        config: of the head.
        bins: none here.
    """

    def __init__(self, config: RegressionHead, bins: Bins | None = None):
        self.config = config

    def outputs(self, features, stride: int, trace: Trace):
        """A linear 1x1 convolution in float32, scaled to Lab units, at full size. It starts at zero, which is grey."""
        convolution = layers.Conv2D(2, 1, kernel_initializer="zeros", dtype="float32", name="head_ab_scaled")
        ab_scaled = trace(convolution, features, (*CELLS[:3], "channel = a, b scaled"))
        rescaling = layers.Rescaling(AB_SCALE, dtype="float32", name="head_ab")
        ab = trace(rescaling, ab_scaled, (*CELLS[:3], "channel = a, b in Lab units"))
        if stride == 1:
            return ab
        whole = layers.UpSampling2D(stride, interpolation="bilinear", dtype="float32", name="head_full_size")
        return trace(whole, ab, (*CELLS[:3], "channel = a, b in Lab units"))

    def ab(self, output):
        """The output as it is."""
        return output

    def loss(self, ab_true, ab_predicted):
        """The mean over pixels and both channels, in Lab units, of one of

        - smooth_l1: Huber 1964, eq. 1.4, divided by delta;
        - l1: the absolute error;
        - l2: the squared error by 2 AB_SCALE, which is smooth_l1 with delta = AB_SCALE: gradients stay as large as
          those of the others, and clipping means the same.

        Args:
            ab_true: float32 (B, H, W, 2), Lab units.
            ab_predicted: the same.
        Returns:
            A float32 scalar. With `chroma_weight` w, a pixel of true chroma C counts 1 + w C / 100 times, and the
            weights of the batch are normalised to a mean of 1.
        """
        error = ops.abs(ab_true - ab_predicted)
        if self.config.loss == "l1":
            loss = error
        elif self.config.loss == "l2":
            loss = error**2 / (2 * AB_SCALE)
        else:
            quadratic = ops.minimum(error, self.config.delta)
            loss = quadratic**2 / (2 * self.config.delta) + error - quadratic
        chroma = ops.norm(ab_true, axis=-1, keepdims=True)
        weight = 1.0 + self.config.chroma_weight * chroma / 100.0
        return ops.mean(loss * weight) / ops.mean(weight)


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
        self.weights = rebalancing(bins, config.sigma, config.uniform)

    def outputs(self, features, stride: int, trace: Trace):
        """Logits in float32, (B, h, w, Q), of convolutions that do not overlap. They start at 0: all bins alike."""
        stride = self.config.stride // stride
        convolution = layers.Conv2D(
            len(self.bins), stride, stride, kernel_initializer="zeros", dtype="float32", name="head_logits"
        )
        return trace(convolution, features, (*CELLS[:3], "bin"))

    def ab(self, logits):
        """The annealed mean, sum_q c_q softmax(logits / T)_q (eq. 5), brought to full size bilinearly."""
        shares = ops.softmax(logits / self.config.temperature, axis=-1)
        ab = ops.matmul(shares, self.bins.centres.astype("float32"))  # NumPy: a tensor would be an input of ONNX
        _, rows, columns, _ = logits.shape
        if self.config.stride == 1:
            return ab
        size = rows * self.config.stride, columns * self.config.stride
        return ops.image.resize(ab, size, interpolation="bilinear", data_format="channels_last")

    def loss(self, ab_true, logits):
        """Cross-entropy against soft targets, each cell weighted by the nearest bin (eq. 2 and 3).

        Photos with no |a|, |b| above `grey_below` are left out, as in the authors' training code; a batch of nothing
        else costs 0.

        Args:
            ab_true: float32 (B, H, W, 2), Lab units; its mean over each cell of the prediction is what is learned.
            logits: float32 (B, h, w, Q).
        Returns:
            A float32 scalar: the mean over the cells of the photos that count.
        """
        stride, config = self.config.stride, self.config
        cells = ops.average_pool(ab_true, stride, stride, data_format="channels_last") if stride > 1 else ab_true
        targets = soft_targets(cells, self.bins.centres, config.neighbours, config.sigma)
        entropy = -ops.sum(targets * ops.log_softmax(logits, axis=-1), axis=-1)  # (B, h, w)
        weight = ops.take(ops.convert_to_tensor(self.weights, "float32"), ops.argmax(targets, axis=-1))
        colourful = ops.max(ops.abs(ab_true), axis=(1, 2, 3)) > config.grey_below  # (B,)
        counts = ops.cast(colourful, "float32")
        per_photo = ops.mean(weight * entropy, axis=(1, 2))
        return ops.sum(per_photo * counts) / ops.maximum(ops.sum(counts), 1.0)
