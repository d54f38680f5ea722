"""The network but for its fusion: encoder, backbone, decoder, head."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from colorize.config.base import Count, Filters, Normalization, Option, Positive, Share
from colorize.config.messages import Problem

if TYPE_CHECKING:
    from colorize.config.schema import Config

LOWEST_TEMPERATURE = 0.001
"""Of the annealed mean: all of it is on one bin there, and further down float32 comes to its end."""


class Encoder(Option):
    """Lightness -> maps of channels, each of another stride."""

    GROUP: ClassVar = "encoder"
    BUILDER: ClassVar = "colorize.models.encoders"

    @property
    def maps(self) -> dict[int, int]:
        """Stride -> channels of each map that the decoder is given, the smallest last."""
        raise NotImplementedError(f"{type(self).__name__} does not say which maps it leaves")

    @property
    def rate_factor(self) -> float | None:
        """What the learning rate is multiplied by for its weights, which then do not decay; None: as all others."""
        return None

    def without_weights(self) -> Encoder:
        """The same, with no weights from elsewhere: a model file brings them."""
        return self

    def problems(self, config: Config) -> Iterator[Problem]:
        """Sizes that it cannot halve so often."""
        yield from _odd_sizes(config, max(self.maps), f"the stride of encoder={self.name}")


def _odd_sizes(config: Config, divisor: int, what: str) -> Iterator[Problem]:
    for key in ("height", "width"):
        size = getattr(config.data, key)
        if size % divisor:
            lower = size - size % divisor
            nearest = " or ".join(str(n) for n in (lower, lower + divisor) if n)
            expected = f"a multiple of {divisor}, {what} ({nearest})"
            yield Problem(f"data.{key}", expected, f"{size}, which {divisor} does not divide")


class QuestionEncoder(Encoder):
    """The one convolution of the question of 2018."""

    name: Literal["question"]
    filters: Positive

    @property
    def maps(self) -> dict[int, int]:
        """Stride -> channels of each map that the decoder is given, the smallest last."""
        return {1: self.filters}


class PyramidEncoder(Encoder):
    """Levels of convolutions, each at half the size of the one before."""

    name: Literal["pyramid"]
    filters: Filters
    """Filters of each level, from large to small."""
    normalization: Normalization
    """Of each convolution: over the batch, or none."""

    @property
    def maps(self) -> dict[int, int]:
        """Stride -> channels of each map that the decoder is given, the smallest last."""
        return {2**level: filters for level, filters in enumerate(self.filters, start=1)}


class KoalarizationEncoder(Encoder):
    """The encoder of Deep Koalarization, eight convolutions; no map but the last leaves it."""

    name: Literal["koalarization"]
    filters: Annotated[list[Positive], Field(min_length=8, max_length=8)]
    """Of each convolution; the first, third and fifth have stride 2."""

    @property
    def maps(self) -> dict[int, int]:
        """Stride -> channels of each map that the decoder is given, the smallest last."""
        return {8: self.filters[-1]}


class ResidualEncoder(Encoder):
    """Residual blocks with normalisation before each convolution, at half the size from level to level."""

    name: Literal["residual"]
    width: Positive
    """Channels of the first level; each further one has twice as many."""
    levels: Positive
    """Each at half the size of the one before."""
    depth: Count
    """Residual blocks of a level."""
    normalization: Literal["layer", "group"]
    """layer: over the channels of each position; group: over groups of channels and all positions."""
    groups: Positive
    """Groups of channels, where normalization is group."""

    @property
    def maps(self) -> dict[int, int]:
        """Stride -> channels of each map that the decoder is given, the smallest last."""
        return {2**level: self.width * 2 ** (level - 1) for level in range(1, self.levels + 1)}

    def problems(self, config: Config) -> Iterator[Problem]:
        """Groups that do not divide the channels, too."""
        yield from super().problems(config)
        if self.normalization == "group" and self.width % self.groups:
            yield Problem("encoder.width", f"a multiple of encoder.groups={self.groups}", str(self.width))


class Backbone(Option):
    """A network that reads the picture beside the encoder."""

    GROUP: ClassVar = "backbone"
    BUILDER: ClassVar = "colorize.models.backbone"


class NoBackbone(Backbone):
    """Nothing pretrained."""

    name: Literal["none"]


class PretrainedBackbone(Backbone):
    """A frozen network of ImageNet that reads the grey picture; its answer is repeated over the feature map."""

    name: Literal["inception_resnet_v2", "mobilenet", "vgg19", "densenet121"]
    weights: Annotated[str, Field(min_length=1)]
    """imagenet: fetched once; none: random; or the path of a file with weights of the whole network."""
    size: Annotated[int, Field(ge=32)]
    """Rows and columns that the picture is brought to; pretrained weights want those of their training."""
    channels: Positive
    """Channels of the 1x1 convolution over map and embedding."""
    cache: bool
    """Whether embeddings are computed once per photo, where augmentation allows."""
    sha256: str | None
    """Of the file of weights: a run writes it into its own configuration, and its model takes no other file."""

    @property
    def of_a_file(self) -> bool:
        """Whether the weights are in a file that the configuration names."""
        return self.weights not in ("imagenet", "none")

    @property
    def trained_at(self) -> int:
        """Rows and columns of the pictures that it was trained with."""
        return 299 if self.name == "inception_resnet_v2" else 224

    @property
    def smallest(self) -> int:
        """Rows and columns below which nothing of the picture is left at its end."""
        return 75 if self.name == "inception_resnet_v2" else 32

    def problems(self, config: Config) -> Iterator[Problem]:
        """A size that its weights were not trained at, or that it cannot read."""
        if self.weights == "imagenet" and self.size != self.trained_at:
            expected = f"{self.trained_at}, at which the weights of {self.name} were trained"
            yield Problem("backbone.size", expected, str(self.size))
        elif self.size < self.smallest:
            yield Problem("backbone.size", f"at least {self.smallest} for {self.name}", str(self.size))
        if self.sha256 and not self.of_a_file:
            yield Problem("backbone.sha256", "null, where no file is named", self.sha256)

    def missing_here(self, config: Config) -> Iterator[Problem]:
        """A file of weights."""
        if self.of_a_file and not Path(self.weights).is_file():
            expected = "imagenet, none, or the path of a file of weights"
            yield Problem("backbone.weights", expected, f"{self.weights}, which is no file")


class Decoder(Option):
    """The encoder's maps, one of them fused -> one map."""

    GROUP: ClassVar = "decoder"
    BUILDER: ClassVar = "colorize.models.decoders"


class SkipDecoder(Decoder):
    """Doubles the size level by level, each time with the encoder's map of that size beside it."""

    name: Literal["skip"]
    filters: Positive
    """Filters of the last convolution, at full size."""
    dropout: Share
    """Share of the fused map's channels, and of the global context's, dropped in training."""
    global_context: bool
    """Whether each position of the fused map is also told what the whole map holds."""
    num_full_resolution_convs: Count
    """Convolutions at the last size, with the lightness beside the map; 0: none."""
    normalization: Normalization
    """Of each convolution: over the batch, or none; as in the encoder, so that both learn at one pace."""
    output_stride: Positive
    """Pixels of the picture to a position of the map that it leaves; 1: full size."""
    smallest_width: Count
    """Filters that every level has at least; 0: as many as the map beside it."""
    upsampling: Literal["transposed", "bilinear"]
    """How sizes are doubled: by a learned 2x2 convolution, or bilinearly, which leaves no grid."""

    def problems(self, config: Config) -> Iterator[Problem]:
        """It doubles sizes until it is at its output stride, from which the head goes on."""
        stride, coarsest = self.output_stride, max(config.encoder.maps)
        possible = [2**n for n in range(coarsest.bit_length()) if 2**n <= coarsest]
        if stride not in possible:
            expected = f"one of {', '.join(map(str, possible))}, up to the stride of encoder={config.encoder.name}"
            yield Problem("decoder.output_stride", expected, str(stride))


class KoalarizationDecoder(Decoder):
    """The decoder of Deep Koalarization: convolutions, and three times the size doubled by repeating values."""

    STRIDE: ClassVar = 8

    name: Literal["koalarization"]
    filters: Annotated[list[Positive], Field(min_length=4, max_length=4)]
    """Of each convolution but the last, which is the head."""

    def problems(self, config: Config) -> Iterator[Problem]:
        """An encoder of another stride."""
        coarsest = max(config.encoder.maps)
        if coarsest != self.STRIDE:
            expected = f"an encoder of stride {self.STRIDE}, which decoder=koalarization brings back to full size"
            yield Problem("encoder", expected, f"encoder={config.encoder.name} of stride {coarsest}")


class Head(Option):
    """The decoder's map -> ab."""

    GROUP: ClassVar = "head"
    BUILDER: ClassVar = "colorize.models.heads"


class RegressionHead(Head):
    """ab in Lab units, straight from a linear convolution."""

    name: Literal["regression"]


class BinsHead(Head):
    """A distribution over bins of ab (Zhang et al. 2016), decoded by its annealed mean."""

    name: Literal["bins"]
    bins: Literal["train", "standard"]
    """train: the bins that occur in the training photos; standard: the 313 of the paper."""
    grid: Positive
    """Lab units from one bin to the next."""
    stride: Positive
    """Pixels of the picture to one position of the prediction, along each side."""
    temperature: Annotated[float, Field(ge=LOWEST_TEMPERATURE, le=1)]
    """Of the annealed mean: towards 0 the most probable bin, 1 the mean. It can be changed after training."""

    def problems(self, config: Config) -> Iterator[Problem]:
        """Cells that do not divide the picture or the decoder's map; standard bins on another grid."""
        yield from _odd_sizes(config, self.stride, "head.stride")
        if self.bins == "standard" and self.grid != 10:
            expected = "10, of which the standard bins are; others come with head.bins=train"
            yield Problem("head.grid", expected, str(self.grid))
        if self.stride % config.output_stride:
            expected = f"a multiple of decoder.output_stride={config.output_stride}"
            yield Problem("head.stride", expected, str(self.stride))
