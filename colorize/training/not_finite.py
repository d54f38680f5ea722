"""Where a batch stops being finite: the first layer, a term of the loss, or the gradient."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from colorize.models.colorizer import Network, scale_lightness
from colorize.training.learner import lab_of


def first_not_finite(network: Network, batch) -> str:
    """In words, what is the first that is not finite of a batch, with the weights as they are.

    The network is computed once more, layer by layer, as in training. Dropout drops others than it did in the step.

    Args:
        batch: as `Batches.batch` gives it: uint8 RGB (B, H, W, 3), or a tuple of it and the features of a frozen part.
    """
    (lightness, *known), ab = lab_of((batch,))
    known = [ops.convert_to_tensor(features) for features in known]
    if network.backbone and not known:
        known = [network.backbone(lightness)]
    model = network.tail if known else network.model
    assert model is not None  # it is there where something is known
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    watched = keras.Model(model.inputs, [*(layer.output for layer in layers), model.output])
    *outputs, predicted = watched([scale_lightness(lightness), *known], training=True)
    for layer, output in zip(layers, outputs):
        if not _is_finite(output):
            kind = type(layer).__name__
            bad = [variable.path for variable in layer.weights if not _is_finite(variable)]
            weights = f"; of its weights, {', '.join(bad)} are not finite" if bad else ""
            return f"The first layer whose output is not finite is {layer.name} ({kind}){weights}."
    for label, (_, term) in network.losses.items():
        if not _is_finite(term(ab, predicted)):
            return f"The output of every layer is finite, and loss.{label} is not."
    return "The output of every layer and the loss are finite: the gradient is not, or its norm overflows."


def _is_finite(values) -> bool:
    """Of a tensor, or of all tensors of a nest."""
    return all(np.isfinite(ops.convert_to_numpy(ops.cast(one, "float32"))).all() for one in keras.tree.flatten(values))
