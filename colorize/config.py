"""The typed configuration: every key, its type, its range, and the combinations that cannot work.

The values live in `configs/`; nothing here has a default, so that a YAML file says all there is to say.
Neither Keras nor a backend is imported, so that a wrong configuration is refused at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from colorize.errors import UserError
from colorize.refusal import Problem, Refusal, from_pydantic

PROJECT = Path(__file__).resolve().parent.parent

Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Normalization = Literal["batch", "none"]
Filters = Annotated[list[Positive], Field(min_length=1)]


class Section(BaseModel):
    """A part of the configuration: unknown keys and wrong types are errors, values never change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Augmentation(Section):
    """What is done to a training photo; the held-out photos are only resized."""

    crop: Annotated[float, Field(gt=0, le=1)]
    """Smallest side of the random crop, as a share of the largest crop that fits; 1 never crops."""
    flip: Annotated[float, Field(ge=0, le=1)]
    """Probability that a photo is mirrored left to right."""
    exposure: Annotated[float, Field(ge=0, le=3)]
    """Lightness jitter: the light is scaled by up to this many stops, up or down (0: never)."""
    mix: Annotated[float, Field(ge=0, le=1)]
    """Probability that a batch is laid over itself in another order, like a double exposure."""


class SampleData(Section):
    """The photos embedded in `data/sample`, or another folder laid out like it."""

    name: Literal["sample"]
    root: str | None
    """Folder of the photos; null is the embedded sample."""
    height: Positive
    width: Positive
    batch_size: Positive
    held_out: Annotated[float, Field(gt=0, lt=1)]
    """Share of the photos that training never sees, chosen by a hash of each file's content."""
    augmentation: Augmentation


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


class AdamW(Section):
    """AdamW under a linear warm-up and a cosine decay, with averaged weights."""

    name: Literal["adamw"]
    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    warmup: Share
    """Share of the run in which the learning rate rises."""
    weight_decay: Annotated[float, Field(ge=0)]
    clip_norm: Annotated[float, Field(gt=0)]
    """Largest norm of all gradients together."""
    average: Share
    """Momentum of the averaged weights, which are the ones evaluated and kept."""


class Trainer(Section):
    """How long, on what, and what is shown on the way."""

    epochs: Positive
    device: Literal["cpu", "gpu"]
    precision: Literal["float32", "mixed_bfloat16"]
    loader_threads: Positive
    batches_ahead: Positive
    """Batches that are gathered before they are asked for."""
    strips: Count
    """Held-out photos painted while training."""
    strip_every: Positive
    """Epochs between two paintings of them."""


class MlflowTracking(Section):
    """A run in MLflow."""

    name: Literal["mlflow"]
    uri: str | None
    """Address of a tracking server; null is `mlflow.db` beside the project."""
    experiment: str


class NoTracking(Section):
    """Nothing but the output folder."""

    name: Literal["off"]


class Config(Section):
    """A whole run. The fields are the groups of `configs/`, then what belongs to no group."""

    data: SampleData
    encoder: Annotated[SeedEncoder | PyramidEncoder, Field(discriminator="name")]
    fusion: Annotated[RowGru | NoFusion, Field(discriminator="name")]
    decoder: SkipDecoder
    head: RegressionHead
    optimizer: AdamW
    trainer: Trainer
    tracking: Annotated[MlflowTracking | NoTracking, Field(discriminator="name")]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    backend: Literal["tensorflow", "jax"]

    @property
    def rows(self) -> int:
        """Rows of the feature map."""
        return self.data.height // self.encoder.stride

    @property
    def columns(self) -> int:
        """Columns of the feature map."""
        return self.data.width // self.encoder.stride


def _impossible(config: Config):
    """Yields a `Problem` for each pair of values that are fine alone and cannot go together."""
    data, encoder, fusion = config.data, config.encoder, config.fusion
    for key in ("height", "width"):
        size = getattr(data, key)
        if size % encoder.stride:
            lower = size - size % encoder.stride
            nearest = " or ".join(str(n) for n in (lower, lower + encoder.stride) if n)
            expected = f"a multiple of {encoder.stride}, the stride of encoder={encoder.name} ({nearest})"
            yield Problem(f"data.{key}", expected, f"{size}, which {encoder.stride} does not divide")
    if isinstance(fusion, RowGru):
        cells = config.columns * fusion.channels
        if fusion.mapping == "reshape" and fusion.sequence_width != cells:
            expected = (
                f"{cells} features a row to reshape into {config.columns} columns x {fusion.channels} channels;"
                " change fusion.units or fusion.channels, or take fusion.mapping=projection"
            )
            received = f"fusion.units={fusion.units}, which makes {fusion.sequence_width} ({fusion.merges[-1]})"
            yield Problem("fusion.mapping", expected, received)
        if fusion.combine == "add" and fusion.channels != encoder.channels:
            expected = f"fusion.channels={encoder.channels}, the channels of the map that it is added to"
            yield Problem("fusion.combine", expected, f"fusion.channels={fusion.channels}")


def validate(values: dict, locate=None) -> Config:
    """Turns plain nested values into a `Config`.

    Args:
        values: the composed configuration, as nested dicts and lists.
        locate: from a dotted key to where its value was written, for the message.
    Raises:
        Refusal: naming every key that is wrong, what was expected and what was received.
    """
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise Refusal([from_pydantic(e, Config) for e in error.errors()], locate) from None
    problems = list(_impossible(config))
    if problems:
        raise Refusal(problems, locate)
    return config


def load(path: Path) -> Config:
    """Reads the configuration that a finished run stored."""
    try:
        values = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError):
        values = None
    if not isinstance(values, dict):
        raise UserError(f"{path} is damaged: expected the configuration of a run, as train.py writes it")
    return validate(values, locate=lambda key: str(path))


def dump(config: Config) -> str:
    """The configuration as YAML, in the order of the schema."""
    return yaml.safe_dump(config.model_dump(), sort_keys=False)
