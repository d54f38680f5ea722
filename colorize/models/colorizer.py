"""The colorizer: a network from lightness to ab, used on uint8 RGB and trained on it in one compiled step.

Legend: B batch, H W rows and columns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import keras

from colorize.arrays import AbPhotos, LightnessPhotos, RgbPhotos
from colorize.color import rgb_to_lightness
from colorize.config.model import Encoder, PretrainedBackbone
from colorize.config.registry import build
from colorize.config.schema import Config
from colorize.errors import UserError
from colorize.models.backbone import CLASSES, Backbone, join_embedding
from colorize.models.color_bins import Bins
from colorize.models.decoders import Maps
from colorize.models.frozen import Frozen
from colorize.models.graph import (
    LayerRecord,
    RecurrentPass,
    frozen_outputs,
    records_of,
    recurrent_passes,
    stages_of,
)
from colorize.models.heads import Classification, Regression


@dataclass(frozen=True)
class Network:
    """The functional model from scaled lightness (B, H, W, 1) to what the head learns, and how it was built.

    Attributes:
        model: the model; with a backbone, its second input is the embedding (B, E).
        stages: the layers of each part: encoder, backbone, fusion, decoder, head.
        fused: the map that the fusion leaves, symbolic.
        head: knows the colours of what comes out.
        losses: label -> weight and term of the loss.
        backbone: what computes the embedding.
        frozen: a part whose features of a photo never change; None where there is none.
        known: these features, symbolic: (B, E) of a backbone, or maps of the encoder.
    """

    model: keras.Model
    stages: dict[str, list[keras.Layer]]
    fused: keras.KerasTensor
    head: Regression | Classification
    losses: dict[str, tuple[float, Callable]] = field(default_factory=dict)
    backbone: Backbone | None = None
    frozen: Frozen | None = None
    known: tuple[keras.KerasTensor, ...] = ()

    @cached_property
    def tail(self) -> keras.Model | None:
        """From scaled lightness and the known features to the same output as `model`, with the same layers."""
        if not self.known:
            return None
        inputs = [self.model.inputs[0], *self.known]
        return self.model if self.backbone else keras.Model(inputs, self.model.output, name="colorizer_tail")

    def output(self, lightness: LightnessPhotos, known: Sequence[Any] = (), training: bool = False) -> Any:
        """What the head learns.

        Args:
            lightness: L in 0..100, (B, H, W, 1).
            known: the features that the frozen part makes of it, where they are known already.
        """
        if self.backbone and not known:
            known = [self.backbone(lightness)]
        if not known:
            return self.model(scale_lightness(lightness), training=training)
        assert self.tail is not None  # what is known was asked of it
        return self.tail([scale_lightness(lightness), *known], training=training)

    @property
    def frozen_parameters(self) -> int:
        """Of a backbone, or of the stages of an encoder that are never trained."""
        if self.backbone:
            return self.backbone.network.count_params()
        return sum(layer.count_params() for layer in self.stages["encoder"] if not layer.trainable)

    @property
    def encoder_variables(self) -> list:
        """Of the encoder, those that are trained."""
        return [variable for layer in self.stages["encoder"] for variable in layer.trainable_variables]

    @cached_property
    def layers(self) -> list[LayerRecord]:
        """A record of every layer, in the order in which they are applied."""
        return records_of(self.stages)

    def layer(self, name: str) -> LayerRecord:
        """The record of that name; `KeyError` where there is none."""
        return {record.name: record for record in self.layers}[name]

    @property
    def recurrent_passes(self) -> list[RecurrentPass]:
        """The first recurrent layer along each axis of the map."""
        return recurrent_passes(self.stages["fusion"])

    def parameters(self, stage: str) -> int:
        """Weights of one part."""
        return sum(layer.count_params() for layer in self.stages[stage])


def build_network(config: Config, bins: Bins | None = None, pretrained: bool = True) -> Network:
    """Builds the network that the configuration describes, in its precision; `keras.utils.set_random_seed` first.

    Args:
        bins: of the training photos, where the head classifies.
        pretrained: whether encoder and backbone get the weights of ImageNet; not where a model file brings them.
    Raises:
        UserError: these cannot be had.
    """
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.trainer.precision)
    try:
        return _build(config, bins, pretrained)
    finally:
        keras.config.set_dtype_policy(policy)


def _build(config: Config, bins: Bins | None, pretrained: bool) -> Network:
    head = build(config.head, bins)
    picture = keras.Input((config.data.height, config.data.width, 1), name="lightness_scaled", dtype="float32")
    encoder = config.encoder if pretrained else config.encoder.without_weights()
    last, skips = build(encoder, picture)
    _check_maps(encoder, picture, [*skips, last])
    frozen = frozen_outputs([picture], [*skips, last])
    inputs, backbone = [picture], None
    outputs: dict[str, list[keras.KerasTensor]] = {"encoder": [*skips, last]}
    if isinstance(config.backbone, PretrainedBackbone):
        backbone = Backbone(config.backbone, pretrained)
        inputs.append(keras.Input((CLASSES,), name="embedding", dtype="float32"))
        last = join_embedding(config.backbone, last, inputs[1])
        outputs["backbone"] = [last]
    maps, place = [*skips, last], list(config.encoder.maps).index(config.feature_map.stride)
    maps[place] = fused = build(config.fusion, maps[place])
    decoded = build(config.decoder, Maps(maps[-1], maps[:-1], [skip.shape[-1] for skip in skips], picture))
    output = head.outputs(decoded, config.output_stride)
    outputs |= {"fusion": [fused], "decoder": [decoded], "head": [output]}
    terms = {label: (term.weight, build(term, head)) for label, term in config.loss.terms.items()}
    model = keras.Model(inputs if backbone else picture, output, name="colorizer")
    network = Network(model, stages_of(outputs, inputs), fused, head, terms)
    if backbone and isinstance(config.backbone, PretrainedBackbone):
        part = Frozen.of_backbone(backbone, config.backbone)
        return replace(network, backbone=backbone, frozen=part, known=(inputs[1],))
    # Finer maps than the decoder's last never reach it.
    kept = [tensor for tensor in frozen if tensor.shape[1] <= decoded.shape[1]]
    if not kept:
        return network
    return replace(
        network, frozen=Frozen.of_encoder(keras.Model(picture, kept), config.encoder.name), known=tuple(kept)
    )


def _check_maps(encoder: Encoder, picture, maps: list) -> None:
    """Refuses an encoder that leaves other maps than it says, or in another order."""
    built = [(picture.shape[1] // tensor.shape[1], tensor.shape[-1]) for tensor in maps]
    said = list(encoder.maps.items())
    if built != said:
        declared, found = [
            "; ".join(f"stride {stride}: {channels}" for stride, channels in maps) for maps in (said, built)
        ]
        raise UserError(
            f"encoder={encoder.name} says that it leaves maps of these channels, small strides first ({declared}), and"
            f" its builder leaves ({found}), the last of them first and then the others: mend `maps` or the builder"
        )


def scale_lightness(lightness: LightnessPhotos) -> LightnessPhotos:
    """L in 0..100 -> -1..1, as the network takes it."""
    return lightness / 50.0 - 1.0


class Colorizer(keras.Model):
    """Colours photos; `predict_on_batch` runs it compiled.

    Args:
        network: what `build_network` returned.
    Call arguments:
        rgb: photos, uint8 (B, H, W, 3).
    Returns:
        ab, float32 (B, H, W, 2) in Lab units.
    """

    def __init__(self, network: Network):
        super().__init__(name="trained_colorizer", dtype="float32")
        self.parts, self.head = network, network.head
        self.network, self.backbone = network.model, network.backbone  # so that Keras knows their weights
        self.built = True  # as its parts are; Keras would guess their inputs from the shapes of a first batch

    def call(self, rgb: RgbPhotos, training: bool = False) -> AbPhotos:
        """Predicts ab from nothing but the lightness of the photos."""
        return self.head.ab(self.parts.output(rgb_to_lightness(rgb), training=training))
