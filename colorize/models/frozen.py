"""Parts of a network that are never trained: what they answer to a photo can be computed once and kept."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from colorize.config.model import PretrainedBackbone
from colorize.models.backbone import CLASSES, Backbone


@dataclass(frozen=True)
class Frozen:
    """A part whose features of a photo never change.

    Attributes:
        name: for the screen.
        key: names its features on disk: other weights, another key.
        shapes: of each of its outputs, without the batch.
        dtype: in which they are kept.
        features: lightness (B, H, W, 1), L in 0..100 -> a list of arrays (B, *shape).
    """

    name: str
    key: Callable[[], str]
    shapes: list[tuple[int, ...]]
    dtype: str
    features: Callable[[np.ndarray], list]

    @classmethod
    def of_backbone(cls, backbone: Backbone, config: PretrainedBackbone) -> "Frozen":
        """Its embedding, (B, E)."""

        def key() -> str:
            return "|".join([config.name, _digest_of(backbone), str(config.size)])

        def features(lightness: np.ndarray) -> list:
            return [backbone.predict_on_batch(lightness)]

        return cls(config.name, key, [(CLASSES,)], "float32", features)

    @classmethod
    def of_encoder(cls, model: keras.Model, name: str) -> "Frozen":
        """The maps that the frozen stages of an encoder leave; in float16, to which their values are exact to .1 %."""

        def key() -> str:
            return "|".join([name, _digest_of(model), model.outputs[0].dtype])

        def features(lightness: np.ndarray) -> list:
            maps = model.predict_on_batch(lightness / 50.0 - 1.0)
            maps = maps if isinstance(maps, (list, tuple)) else [maps]
            return [ops.convert_to_numpy(ops.cast(one, "float32")) for one in maps]

        return cls(name, key, [tuple(tensor.shape[1:]) for tensor in model.outputs], "float16", features)


def _digest_of(model: keras.Model) -> str:
    """SHA-256 of all its weights, wherever they came from."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()
