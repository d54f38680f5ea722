"""The colorizer: a network from lightness to ab, used on uint8 RGB and trained on it in one compiled step.

Legend: B batch, H W rows and columns.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras

from colorize.color import rgb_to_lightness
from colorize.config.model import PretrainedBackbone
from colorize.config.registry import build
from colorize.config.schema import Config
from colorize.models.backbone import CLASSES, Backbone, join_embedding
from colorize.models.color_bins import Bins
from colorize.models.decoders import Maps
from colorize.models.frozen import Frozen
from colorize.models.heads import Classification, Regression
from colorize.models.trace import Trace


@dataclass(frozen=True)
class Network:
    """The functional model from scaled lightness (B, H, W, 1) to what the head learns, and how it was built.

    Attributes:
        model: the model; with a backbone, its second input is the embedding (B, E).
        trace: its steps.
        head: knows the colours of what comes out; None where there is nothing to learn.
        losses: label -> weight and term of the loss.
        backbone: what computes the embedding.
        frozen: a part whose answers to a photo never change; None where there is none.
        known: these answers, symbolic: (B, E) of a backbone, or maps of the encoder.
    """

    model: keras.Model
    trace: Trace
    head: Regression | Classification | None = None
    losses: dict[str, tuple[float, Callable]] = field(default_factory=dict)
    backbone: Backbone | None = None
    frozen: Frozen | None = None
    known: tuple[keras.KerasTensor, ...] = ()

    def tail(self) -> keras.Model | None:
        """From scaled lightness and the known answers to the same output as `model`, with the same layers."""
        if not self.known:
            return None
        inputs = [self.model.inputs[0], *self.known]
        return self.model if self.backbone else keras.Model(inputs, self.model.output, name="colorizer_tail")

    @property
    def frozen_parameters(self) -> int:
        """Of a backbone, or of the stages of an encoder that are never trained."""
        if self.backbone:
            return self.backbone.network.count_params()
        return sum(step.parameters for step in self.trace.steps if step.stage == "encoder" and not step.layer.trainable)

    @property
    def encoder_variables(self) -> list:
        """Of the encoder, those that are trained."""
        steps = [step for step in self.trace.steps if step.stage == "encoder"]
        return [variable for step in steps for variable in step.layer.trainable_variables]


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
    trace, head = Trace(), build(config.head, bins)
    picture = keras.Input((config.data.height, config.data.width, 1), name="lightness_scaled", dtype="float32")
    trace.stage = "encoder"
    encoder = config.encoder if pretrained else config.encoder.without_weights()
    last, skips = build(encoder, picture, trace)
    embedding, backbone = [], None
    if isinstance(config.backbone, PretrainedBackbone):
        trace.stage, backbone = "backbone", Backbone(config.backbone, pretrained)
        embedding = [keras.Input((CLASSES,), name="embedding", dtype="float32")]
        last = join_embedding(config.backbone, last, embedding[0], trace)
    trace.stage = "fusion"
    place = list(config.encoder.maps).index(config.feature_map.stride)
    maps = [*skips, last]
    maps[place] = build(config.fusion, maps[place], trace)
    trace.stage = "decoder"
    given = Maps(maps[-1], maps[:-1], [skip.shape[-1] for skip in skips], picture)
    decoded = build(config.decoder, given, trace)
    trace.stage = "head"
    output = head.outputs(decoded, config.output_stride, trace)
    terms = {label: (term.weight, build(term, head)) for label, term in config.loss.terms.items()}
    if backbone:
        model = keras.Model([picture, *embedding], output, name="colorizer")
        frozen = Frozen.of_backbone(backbone, config.backbone)
        return Network(model, trace, head, terms, backbone, frozen, tuple(embedding))
    model = keras.Model(picture, output, name="colorizer")
    # Finer maps than the decoder's last never reach it.
    kept = [tensor for tensor in trace.frozen if tensor.shape[1] <= decoded.shape[1]]
    if not kept:
        return Network(model, trace, head, terms)
    frozen = Frozen.of_encoder(keras.Model(picture, kept), config.encoder.name)
    return Network(model, trace, head, terms, None, frozen, tuple(kept))


def scale_lightness(lightness):
    """L in 0..100 -> -1..1, as the network takes it."""
    return lightness / 50.0 - 1.0


def rgb_of(photos):
    """The pixels, where answers of the frozen part come with them."""
    return photos[0] if isinstance(photos, (list, tuple)) else photos


def known_of(photos) -> list:
    """The answers of the frozen part, where they come with the pixels."""
    return list(photos[1:]) if isinstance(photos, (list, tuple)) else []


class Colorizer(keras.Model):
    """Colours photos; `predict_on_batch` runs it compiled.

    Args:
        network: what `build_network` returned.
    Call arguments:
        photos: uint8 RGB (B, H, W, 3); or, while it learns, that and the answers of the frozen part, where they are
            known already.
    Returns:
        ab, float32 (B, H, W, 2) in Lab units.
    """

    def __init__(self, network: Network):
        super().__init__(name="trained_colorizer", dtype="float32")
        self.network, self.head, self.backbone = network.model, network.head, network.backbone
        self.tail = network.model if network.backbone else None
        self.built = True  # as its parts are; Keras would guess their inputs from the shapes of a first batch

    def call(self, photos, training=False):
        """Predicts ab from nothing but the lightness of the photos."""
        return self.head.ab(self.output_of(photos, rgb_to_lightness(rgb_of(photos)), training))

    def output_of(self, photos, lightness, training: bool):
        """What the head learns, for nothing but the lightness of the photos, (B, H, W, 1)."""
        known = known_of(photos)
        if self.backbone is not None and not known:
            known = [self.backbone(lightness)]
        if not known:
            return self.network(scale_lightness(lightness), training=training)
        return self.tail([scale_lightness(lightness), *known], training=training)
