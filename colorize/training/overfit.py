"""One batch learned by heart (`debug=overfit`): a network that cannot do that has a mistake in it."""

from dataclasses import replace

import keras
import numpy as np

from colorize.compat import flat_layers
from colorize.data.dataset import Dataset, spread
from colorize.errors import UserError
from colorize.models.colorizer import Network
from colorize.training.learner import lab_of

MUST_FALL = 0.9
"""Share of the loss, above what no network can go below, that must be gone at the end."""


def one_batch(dataset: Dataset, photos: int, steps: int) -> Dataset:
    """A few photos, spread over those for training: both to be trained on, so many times an epoch, and to be judged."""
    chosen = spread(len(dataset.train), photos)
    return replace(dataset, train=dataset.train.subset(chosen * steps), val=dataset.train.subset(chosen), test=None)


def without_dropout(network: Network) -> None:
    """Switches off what would keep a network from learning by heart."""
    for layer in flat_layers(network.model):
        if isinstance(layer, (keras.layers.Dropout, keras.layers.SpatialDropout2D)):
            layer.rate = 0.0


def lowest_loss(network: Network, batch) -> float:
    """The lowest loss of a batch that any network could have: 0, or of terms that say so more (soft targets)."""
    _, ab = lab_of((batch,))
    return sum(weight * float(term.lowest(ab)) for weight, term in network.losses.values() if hasattr(term, "lowest"))


def check_fallen(before: float, after: float, lowest: float, steps: int) -> str:
    """What came of it, in words.

    Args:
        before, after: the loss of the batch.
        lowest: that it can have.
        steps: in which it was learned.
    Raises:
        UserError: too much of it is left.
    """
    fallen = 1 - (after - lowest) / (before - lowest)
    above = f", of which {lowest:.2f} is the least that can be" if lowest else ""
    told = f"one batch in {steps} steps: the loss fell from {before:.2f} to {after:.2f}, by {fallen:.0%}{above}"
    if not np.isfinite(fallen) or fallen < MUST_FALL:
        raise UserError(
            f"{told}; expected {MUST_FALL:.0%}. The network does not learn even these few photos by heart. It may be"
            " too small, or want more steps (trainer.overfit_steps); else look at the curves and the gradients by step"
            " (tracking.every_steps=1), at shapes.txt, at optimizer.learning_rate"
        )
    return f"{told}: the network can learn"
