"""Terms of the loss: built of configuration and head, called with the photos' ab and what the head learns.

Legend: B batch, H W rows and columns of the picture, h w those of the prediction, Q bins.
"""

import keras
from keras import ops

from colorize.arrays import AbPhotos, Features, Plane, Scalar
from colorize.color import AB_SCALE
from colorize.config.loss import L1, L2, CrossEntropy, SmoothL1
from colorize.config.registry import builds
from colorize.models.color_bins import rebalancing, soft_targets


class AbError:
    """The mean over pixels and both channels of a function of the error of ab.

    Args:
        config: of the term. With `chroma_weight` w, a pixel of true chroma C counts 1 + w C / 100 times, and the
            weights of the batch are normalised to a mean of 1.
        head: of the network.
    """

    def __init__(self, config, head):
        self.config, self.head = config, head

    def of_error(self, error: Plane) -> Plane:
        """Of absolute errors (B, H, W, 2) in Lab units."""
        raise NotImplementedError

    def __call__(self, ab_true: AbPhotos, output: AbPhotos) -> Scalar:
        """The loss.

        Args:
            ab_true: float32 (B, H, W, 2), Lab units.
            output: what the head learns.
        Returns:
            A float32 scalar.
        """
        loss = self.of_error(ops.abs(ab_true - self.head.ab(output)))
        chroma = ops.norm(ab_true, axis=-1, keepdims=True)
        weight = 1.0 + self.config.chroma_weight * chroma / 100.0
        return ops.mean(loss * weight) / ops.mean(weight)


@builds(SmoothL1)
class SmoothL1Loss(AbError):
    """Huber 1964, eq. 1.4, divided by delta: quadratic below it, linear above."""

    def of_error(self, error: Plane) -> Plane:
        """As of `AbError`."""
        quadratic = ops.minimum(error, self.config.delta)
        return quadratic**2 / (2 * self.config.delta) + error - quadratic


@builds(L1)
class L1Loss(AbError):
    """The absolute error."""

    def of_error(self, error: Plane) -> Plane:
        """As of `AbError`."""
        return error


@builds(L2)
class L2Loss(AbError):
    """The squared error by 2 AB_SCALE, which is smooth L1 with delta = AB_SCALE: gradients stay as large as those of
    the others, and clipping means the same."""

    def of_error(self, error: Plane) -> Plane:
        """As of `AbError`."""
        return error**2 / (2 * AB_SCALE)


@builds(CrossEntropy)
class CrossEntropyLoss:
    """Cross-entropy against soft targets, each position weighted by the nearest bin (Zhang et al. 2016, eq. 2 and 3).

    Photos with no |a|, |b| above `grey_below` are left out, as in the authors' training code; a batch of nothing else
    costs 0.

    Args:
        config: of the term.
        head: of the network, which tells bins.
    """

    def __init__(self, config: CrossEntropy, head):
        self.config, self.stride, self.bins = config, head.config.stride, head.bins
        self.weights = rebalancing(head.bins, config.sigma, config.uniform_fraction)

    def __call__(self, ab_true: AbPhotos, logits: Features) -> Scalar:
        """The loss.

        Args:
            ab_true: float32 (B, H, W, 2), Lab units; its mean over each position of the prediction is what is learned.
            logits: float32 (B, h, w, Q).
        Returns:
            A float32 scalar: the mean over the positions of the photos that count.
        """
        targets, config = self._targets(ab_true), self.config
        entropy = -ops.sum(targets * ops.log_softmax(logits, axis=-1), axis=-1)  # (B, h, w)
        weight = ops.take(ops.convert_to_tensor(self.weights, "float32"), ops.argmax(targets, axis=-1))
        colourful = ops.max(ops.abs(ab_true), axis=(1, 2, 3)) > config.grey_below  # (B,)
        counts = ops.cast(colourful, "float32")
        per_photo = ops.mean(weight * entropy, axis=(1, 2))
        return ops.sum(per_photo * counts) / ops.maximum(ops.sum(counts), 1.0)

    def lowest(self, ab_true: AbPhotos) -> Scalar:
        """What it is where the prediction is the soft targets: their entropy."""
        return self(ab_true, ops.log(self._targets(ab_true) + keras.config.epsilon()))

    def _targets(self, ab_true: AbPhotos) -> Features:
        stride, config = self.stride, self.config
        positions = ops.average_pool(ab_true, stride, stride, data_format="channels_last") if stride > 1 else ab_true
        return soft_targets(positions, self.bins.centres, config.neighbours, config.sigma)
