"""What reads the feature map and is joined to it: a class for each option of `fusion`.

A new one is a subclass of `Fusion` here, a builder of the same name in `colorize/models/fusion/`, and a YAML file.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import lcm
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

import yaml
from pydantic import Field

from colorize.config.base import CONFIGS, Normalization, Option, Positive, options
from colorize.config.messages import Problem
from colorize.config.nearest import nearest

if TYPE_CHECKING:
    from colorize.config.schema import Config


class FeatureMap(NamedTuple):
    """The map that a fusion is given: its stride in pixels of the picture, its rows, columns and channels."""

    stride: int
    rows: int
    columns: int
    channels: int


class Fusion(Option):
    """What all fusions have in common: (B, h, w, C) in, (B, h, w, C + S) out."""

    GROUP: ClassVar = "fusion"
    BUILDER: ClassVar = "colorize.models.fusion"
    SIZES: ClassVar[tuple[str, ...]] = ()
    """Fields that may be changed to reach a number of parameters: the coarse one, then maybe one to tune with."""

    name: str
    stride: Positive | None
    """Which map of the encoder is fused, by its stride; null: the last and smallest, the bottleneck."""
    match_parameters_of: str | None
    """Option of `fusion` whose number of parameters this one is sized to; null: sizes are as written."""

    def added(self, channels: int) -> int:
        """S, of a map of so many channels: its `channels`, where it has any."""
        own: int = getattr(self, "channels", 0)
        return own

    def size_step(self) -> int:
        """What the first of `SIZES` must be a multiple of."""
        return 1

    def problems(self, config: Config) -> Iterator[Problem]:
        """A stride at which there is no map, or one that never reaches the head; and what is wrong at that map."""
        name, known = self.match_parameters_of, fusion_names()
        if name is not None and self.SIZES and name not in known:
            expected = f"an option of fusion that has parameters: {', '.join(known)}"
            yield Problem("fusion.match_parameters_of", expected, name, nearest(name, known))
        strides, output_stride = list(config.encoder.maps), config.output_stride
        if self.stride not in (None, *strides):
            listed = ", ".join(map(str, strides))
            expected = f"a stride at which encoder={config.encoder.name} leaves a map ({listed}), or null for the last"
            yield Problem("fusion.stride", expected, str(self.stride))
            return
        if self.stride and self.stride < output_stride and not isinstance(self, NoFusion):
            expected = f"at least decoder.output_stride={output_stride}: finer maps never reach the head"
            yield Problem("fusion.stride", expected, str(self.stride))
        yield from self.problems_at(config.feature_map)

    def problems_at(self, feature_map: FeatureMap) -> Iterator[Problem]:
        """What cannot be at a feature map."""
        yield from ()


def fusion_names() -> list[str]:
    """The options of `fusion` that have parameters."""
    return sorted(path.stem for path in (CONFIGS / Fusion.GROUP).glob("*.yaml") if path.stem != "none")


def fusion_named(name: str) -> Fusion:
    """An option of `fusion` as its file has it, one of `fusion_names`."""
    values = yaml.safe_load((CONFIGS / Fusion.GROUP / f"{name}.yaml").read_text(encoding="utf-8"))
    return options(Fusion)[values["name"]].model_validate(values)


class NoFusion(Fusion):
    """The same network without a fusion. It has no place and no size: both keys are accepted and mean nothing."""

    name: Literal["none"]


class RowGru(Fusion):
    """Stacked bidirectional GRUs over the rows of the feature map."""

    SIZES: ClassVar = ("units",)
    LINES: ClassVar = ("row", "columns")
    """What a timestep is, and what its positions are."""

    name: Literal["row_gru"]
    units: Positive
    """Units of one direction of one layer."""
    merge_modes: Annotated[list[Literal["sum", "concatenate"]], Field(min_length=1)]
    """One GRU layer per entry: how its two directions are merged."""
    channels: Positive
    """Channels of the map that the sequence is turned into."""
    mapping: Literal["auto", "reshape", "projection"]
    """How the units of a timestep become its positions x channels."""
    combine: Literal["concatenate", "add"]
    """How that map joins the feature map."""
    initializer: Literal["he_normal", "glorot_uniform"]
    """Of the weights that read the features."""

    @property
    def sequence_width(self) -> int:
        """Features of a timestep after the last GRU layer."""
        return self.merged(self.merge_modes[-1])

    def merged(self, merge: str) -> int:
        """Features of a timestep after a layer whose directions are merged so."""
        return self.units * (2 if merge == "concatenate" else 1)

    def positions(self, feature_map: FeatureMap) -> int:
        """Cells of a timestep: of a row."""
        return feature_map.columns

    def reshapes(self, positions: int) -> bool:
        """Whether the units of a timestep are exactly `positions` x channels and need no projection."""
        fits = self.sequence_width == positions * self.channels
        return self.mapping == "reshape" or (self.mapping == "auto" and fits)

    def problems_at(self, feature_map: FeatureMap) -> Iterator[Problem]:
        """Units that cannot be reshaped into positions, channels that cannot be added to those of the map."""
        positions = self.positions(feature_map)
        line, other = self.LINES
        if self.mapping == "reshape" and self.sequence_width != positions * self.channels:
            expected = (
                f"{positions * self.channels} features a {line} to reshape into {positions} {other} x {self.channels}"
                " channels; change fusion.units or fusion.channels, or take fusion.mapping=projection"
            )
            received = f"fusion.units={self.units}, which makes {self.sequence_width} ({self.merge_modes[-1]})"
            yield Problem("fusion.mapping", expected, received)
        if self.combine == "add" and self.channels != feature_map.channels:
            expected = f"fusion.channels={feature_map.channels}, the channels of the map that it is added to"
            yield Problem("fusion.combine", expected, f"fusion.channels={self.channels}")

    def added(self, channels: int) -> int:
        """None where the sequence is added to the map."""
        return self.channels if self.combine == "concatenate" else 0


class ColumnGru(RowGru):
    """The same over the columns: a timestep is a column, its features are rows x channels."""

    LINES: ClassVar = ("column", "rows")

    name: Literal["column_gru"]  # type: ignore[assignment]  # of an option of its own

    def positions(self, feature_map: FeatureMap) -> int:
        """Of a column."""
        return feature_map.rows


class PixelGru(Fusion):
    """ReNet: a bidirectional GRU along each row, then another along each column of what it returned."""

    SIZES: ClassVar = ("units", "column_units")

    name: Literal["pixel_gru"]
    units: Positive
    """Units of one direction of the layer along rows."""
    column_units: Positive
    """The same of the layer along columns."""
    channels: Positive
    """Channels of the map that the units of a position are projected to."""


class MinGru(Fusion):
    """minGRUs along rows and columns, both ways, in residual blocks with a depthwise convolution and a norm."""

    SIZES: ClassVar = ("width", "units")

    name: Literal["min_gru"]
    width: Positive
    """Channels of the residual stream."""
    units: Positive
    """Units of each of the four directions of a block."""
    blocks: Positive
    """How many, one after the other."""
    channels: Positive
    """Channels of the map that the stream is projected to."""


class Attention(Fusion):
    """Transformer blocks over the positions of the map as tokens, with position embeddings."""

    SIZES: ClassVar = ("width", "hidden")
    MAX_POSITIONS: ClassVar = 4096
    """Their pairs, in 4 heads, take 256 MiB a photo."""

    name: Literal["attention"]
    width: Positive
    """Channels of the residual stream; a multiple of the heads, and of 4 for the position embedding."""
    heads: Positive
    """Of the attention."""
    hidden: Positive
    """Units of the two-layer perceptron after the attention."""
    blocks: Positive
    """How many, one after the other."""
    channels: Positive
    """Channels of the map that the stream is projected to."""

    def size_step(self) -> int:
        """A multiple of the heads and of 4: sine and cosine of row and of column."""
        return lcm(self.heads, 4)

    def problems_at(self, feature_map: FeatureMap) -> Iterator[Problem]:
        """A width that heads or positions do not divide."""
        if self.width % self.size_step():
            expected = f"a multiple of {self.size_step()}: of the heads, and of 4 for the position embedding"
            yield Problem("fusion.width", expected, str(self.width))

    def missing_here(self, config: Config) -> Iterator[Problem]:
        """Memory for the pairs of a large map."""
        feature_map = config.feature_map
        if feature_map.rows * feature_map.columns > self.MAX_POSITIONS:
            expected = (
                f"a map of at most {self.MAX_POSITIONS:,} positions: attention compares each with each, in every photo"
            )
            received = f"{feature_map.rows} x {feature_map.columns} positions at stride {feature_map.stride}"
            yield Problem("fusion.stride", f"{expected}; a larger stride, or smaller pictures", received)


class GlobalPool(Fusion):
    """The mean over the map through two dense layers, repeated over the map."""

    SIZES: ClassVar = ("hidden",)

    name: Literal["global_pool"]
    hidden: Positive
    """Units of the first dense layer."""
    channels: Positive
    """Channels of the vector that is repeated."""


class ConvFusion(Fusion):
    """The control of equal size: residual blocks of two 3x3 convolutions."""

    SIZES: ClassVar = ("filters", "hidden")

    name: Literal["conv"]
    filters: Positive
    """Channels of the residual stream."""
    hidden: Positive
    """Filters of the first convolution of a block; the second brings them back."""
    blocks: Positive
    """How many, one after the other."""
    channels: Positive
    """Channels of the map that the stream is projected to."""
    normalization: Normalization
    """Of each convolution: over the batch, or none."""
