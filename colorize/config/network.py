"""The network: encoder, fusion, decoder, head."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from colorize.config.section import Filters, Normalization, Positive, Section, Share


class SeedEncoder(Section):
    """The one convolution of the question of 2018."""

    name: Literal["seed"]
    filters: Positive

    @property
    def stride(self) -> int:
        """Pixels of the picture to one cell of the feature map, along each side."""
        return 1

    @property
    def channels(self) -> int:
        """Channels of the feature map."""
        return self.filters


class PyramidEncoder(Section):
    """Levels of convolutions, each at half the size of the one before."""

    name: Literal["pyramid"]
    filters: Filters
    """Filters of each level, from large to small."""
    normalization: Normalization

    @property
    def stride(self) -> int:
        """Pixels of the picture to one cell of the feature map, along each side."""
        return 2 ** len(self.filters)

    @property
    def channels(self) -> int:
        """Channels of the feature map."""
        return self.filters[-1]


class NoFusion(Section):
    """The same network without a sequence."""

    name: Literal["none"]


class RowGru(Section):
    """Stacked bidirectional GRUs over the rows of the feature map."""

    name: Literal["row_gru"]
    units: Positive
    """Units of one direction of one layer."""
    merges: Annotated[list[Literal["sum", "concatenate"]], Field(min_length=1)]
    """One GRU layer per entry: how its two directions are merged."""
    channels: Positive
    """Channels of the map that the sequence is turned into."""
    mapping: Literal["auto", "reshape", "projection"]
    """How the units of a row become columns x channels."""
    combine: Literal["concatenate", "add"]
    """How that map joins the feature map."""
    initializer: Literal["he_normal", "glorot_uniform"]
    """Of the weights that read the features."""

    @property
    def sequence_width(self) -> int:
        """Features of a row after the last GRU layer."""
        return self.units * (2 if self.merges[-1] == "concatenate" else 1)

    def reshapes(self, columns: int) -> bool:
        """Whether the units of a row are exactly `columns` x channels and need no projection."""
        fits = self.sequence_width == columns * self.channels
        return self.mapping == "reshape" or (self.mapping == "auto" and fits)


class SkipDecoder(Section):
    """Doubles the size level by level, each time with the encoder's map of that size beside it."""

    name: Literal["skip"]
    filters: Positive
    """Filters of the last convolution, at full size."""
    dropout: Share
    """Share of the fused map's channels, and of the global context's, dropped in training."""
    global_context: bool
    """Whether each cell of the fused map is also told what the whole map holds."""
    normalization: Normalization


class RegressionHead(Section):
    """ab in Lab units, straight from a linear convolution, under a smooth L1 loss."""

    name: Literal["regression"]
    delta: Annotated[float, Field(gt=0)]
    """Lab units at which the loss goes over from quadratic to linear."""
    chroma_weight: Annotated[float, Field(ge=0)]
    """How much more a pixel counts per 100 Lab units of its true chroma; 0 counts all alike."""
