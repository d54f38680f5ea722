"""The typed configuration: every key, its type, its range, and the combinations that cannot work.

The values live in `configs/`; nothing here has a default, so that a YAML file says all there is to say.
Neither Keras nor a backend is imported, so that a wrong configuration is refused at once.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError

from colorize.config.base import Section
from colorize.config.data import CifarData, FolderData, SampleData
from colorize.config.efficientnet import EfficientNetLite
from colorize.config.fusion import (
    Attention,
    FeatureMap,
    Fusion,
    NoFusion,
    RowGru,
    fusions,
)
from colorize.config.messages import Problem, Refusal, from_pydantic
from colorize.config.model import (
    LOWEST_TEMPERATURE,
    BinsHead,
    KoalarizationDecoder,
    KoalarizationEncoder,
    NoBackbone,
    PretrainedBackbone,
    PyramidEncoder,
    RegressionHead,
    ResidualEncoder,
    SeedEncoder,
    SkipDecoder,
)
from colorize.config.training import AdamW, Evaluation, MlflowTracking, NoTracking, Trainer
from colorize.errors import UserError

AnyFusion = Annotated[reduce(or_, fusions()), Field(discriminator="name")]


class Config(Section):
    """A whole run. The fields are the groups of `configs/`, then what belongs to no group."""

    data: Annotated[SampleData | FolderData | CifarData, Field(discriminator="name")]
    encoder: Annotated[
        SeedEncoder | PyramidEncoder | KoalarizationEncoder | ResidualEncoder | EfficientNetLite,
        Field(discriminator="name"),
    ]
    backbone: Annotated[NoBackbone | PretrainedBackbone, Field(discriminator="name")]
    fusion: AnyFusion
    decoder: Annotated[SkipDecoder | KoalarizationDecoder, Field(discriminator="name")]
    head: Annotated[RegressionHead | BinsHead, Field(discriminator="name")]
    optimizer: AdamW
    trainer: Trainer
    evaluation: Evaluation
    tracking: Annotated[MlflowTracking | NoTracking, Field(discriminator="name")]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    backend: Literal["tensorflow", "jax"]
    init: str | None
    """Model whose weights are taken where they fit: output folder, model file, or pretrained; null: at random."""
    resume: str | None
    """Output folder of the run that is continued. How a run is started is no part of what it is: it is not stored."""

    def stored(self) -> dict:
        """What the run is, as plain values."""
        return self.model_dump(exclude={"resume"})

    @property
    def output_stride(self) -> int:
        """Pixels of the picture to a cell of the decoder's map."""
        return getattr(self.decoder, "output_stride", 1)

    @property
    def feature_map(self) -> FeatureMap:
        """The map that is fused."""
        maps = self.encoder.maps
        stride = self.fusion.stride or max(maps)
        joined = isinstance(self.backbone, PretrainedBackbone) and stride == max(maps)
        channels = self.backbone.channels if joined else maps[stride]
        return FeatureMap(stride, self.data.height // stride, self.data.width // stride, channels)


def _impossible(config: Config, to_train: bool):
    """Yields a `Problem` for each pair of values that are fine alone and cannot go together."""
    encoder, strides = config.encoder, config.encoder.maps
    if isinstance(encoder, ResidualEncoder) and encoder.normalization == "group" and encoder.width % encoder.groups:
        yield Problem("encoder.width", f"a multiple of encoder.groups={encoder.groups}", str(encoder.width))
    begins = config.init is None and config.resume is None  # else the weights are those of the model or checkpoint
    if to_train and begins and isinstance(encoder, EfficientNetLite):
        missing = encoder.weights_missing()
        if missing:
            yield Problem("encoder.weights", "imagenet, none, or the path of a file of weights", missing)
    yield from _odd_sizes(config, max(strides))
    if config.fusion.stride not in (None, *strides):
        listed = ", ".join(map(str, strides))
        expected = f"a stride at which encoder={config.encoder.name} leaves a map ({listed}), or null for the last"
        yield Problem("fusion.stride", expected, str(config.fusion.stride))
    else:
        yield from _impossible_fusion(config.fusion, config.feature_map, to_train)
    head = config.head
    if isinstance(head, BinsHead) and head.bins == "standard" and head.grid != 10:
        yield Problem(
            "head.grid", "10, of which the standard bins are; others come with head.bins=train", str(head.grid)
        )
    yield from _impossible_output_stride(config)
    if isinstance(config.backbone, PretrainedBackbone):
        yield from _impossible_backbone(config.backbone, to_train)
    if isinstance(config.decoder, KoalarizationDecoder) and max(strides) != config.decoder.STRIDE:
        expected = f"an encoder of stride {config.decoder.STRIDE}, which decoder=koalarization brings back to full size"
        yield Problem("encoder", expected, f"encoder={config.encoder.name} of stride {max(strides)}")


def _odd_sizes(config: Config, stride: int):
    """What the encoder halves, and a head of bins divides, must come out even."""
    demands = [(stride, f"the stride of encoder={config.encoder.name}")]
    if isinstance(config.head, BinsHead):
        demands.append((config.head.stride, "head.stride"))
    for key in ("height", "width"):
        size = getattr(config.data, key)
        for divisor, what in demands:
            if size % divisor:
                lower = size - size % divisor
                nearest = " or ".join(str(n) for n in (lower, lower + divisor) if n)
                expected = f"a multiple of {divisor}, {what} ({nearest})"
                yield Problem(f"data.{key}", expected, f"{size}, which {divisor} does not divide")


def _impossible_output_stride(config: Config):
    """A decoder doubles sizes until it is at its output stride, from which the head goes on."""
    stride, coarsest = config.output_stride, max(config.encoder.maps)
    possible = [2**n for n in range(coarsest.bit_length()) if 2**n <= coarsest]
    if stride not in possible:
        expected = f"one of {', '.join(map(str, possible))}, up to the stride of encoder={config.encoder.name}"
        yield Problem("decoder.output_stride", expected, str(stride))
    elif config.fusion.stride and config.fusion.stride < stride and not isinstance(config.fusion, NoFusion):
        expected = f"at least decoder.output_stride={stride}: finer maps never reach the head"
        yield Problem("fusion.stride", expected, str(config.fusion.stride))
    elif isinstance(config.head, BinsHead) and config.head.stride % stride:
        expected = f"a multiple of decoder.output_stride={stride}"
        yield Problem("head.stride", expected, str(config.head.stride))


def _impossible_backbone(backbone: PretrainedBackbone, to_train: bool):
    if backbone.weights == "imagenet" and backbone.size != backbone.trained_at:
        expected = f"{backbone.trained_at}, at which the weights of {backbone.name} were trained"
        yield Problem("backbone.size", expected, str(backbone.size))
    elif backbone.size < backbone.smallest:
        yield Problem("backbone.size", f"at least {backbone.smallest} for {backbone.name}", str(backbone.size))
    if backbone.sha256 and not backbone.of_a_file:
        yield Problem("backbone.sha256", "null, where no file is named", backbone.sha256)
    if to_train and backbone.of_a_file and not Path(backbone.weights).is_file():
        expected = "imagenet, none, or the path of a file of weights"
        yield Problem("backbone.weights", expected, f"{backbone.weights}, which is no file")


def _impossible_fusion(fusion: Fusion, feature_map: FeatureMap, to_train: bool):
    if isinstance(fusion, RowGru):
        cells = fusion.cells(feature_map)
        lines = ("row", "columns") if type(fusion) is RowGru else ("column", "rows")
        if fusion.mapping == "reshape" and fusion.sequence_width != cells * fusion.channels:
            expected = (
                f"{cells * fusion.channels} features a {lines[0]} to reshape into {cells} {lines[1]} x"
                f" {fusion.channels} channels; change fusion.units or fusion.channels, or take"
                " fusion.mapping=projection"
            )
            received = f"fusion.units={fusion.units}, which makes {fusion.sequence_width} ({fusion.merges[-1]})"
            yield Problem("fusion.mapping", expected, received)
        if fusion.combine == "add" and fusion.channels != feature_map.channels:
            expected = f"fusion.channels={feature_map.channels}, the channels of the map that it is added to"
            yield Problem("fusion.combine", expected, f"fusion.channels={fusion.channels}")
    if isinstance(fusion, Attention) and fusion.width % fusion.size_step():
        expected = f"a multiple of {fusion.size_step()}: of the heads, and of 4 for the positions"
        yield Problem("fusion.width", expected, str(fusion.width))
    cells = feature_map.rows * feature_map.columns
    if to_train and isinstance(fusion, Attention) and cells > fusion.MOST_CELLS:
        expected = f"a map of at most {fusion.MOST_CELLS:,} cells: attention compares each with each, in every photo"
        received = f"{feature_map.rows} x {feature_map.columns} cells at stride {feature_map.stride}"
        yield Problem("fusion.stride", f"{expected}; a larger stride, or smaller pictures", received)


def validate(values: dict, locate=None, combinations: bool = True, to_train: bool = True) -> Config:
    """Turns plain nested values into a `Config`.

    Args:
        values: the composed configuration, as nested dicts and lists.
        locate: from a dotted key to where its value was written, for the message.
        combinations: whether values that are fine alone must go together too; not where nothing is trained.
        to_train: whether it must be trainable here: files that are named are there, the memory may do. Else it is the
            configuration of a run that is there already.
    Raises:
        Refusal: naming every key that is wrong, what was expected and what was received.
    """
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise Refusal([from_pydantic(e, Config) for e in error.errors()], locate) from None
    problems = list(_impossible(config, to_train)) if combinations else []
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
    return from_stored(values, str(path))


def from_stored(values: dict, where: str) -> Config:
    """The configuration out of the plain values that a run stored; `where`, for messages.

    Raises:
        UserError: it is of another version, or was changed by hand.
    """
    try:
        return validate(_as_today(values), locate=lambda key: where, to_train=False)
    except Refusal as error:
        raise UserError(f"{where} was written by another version of colorize, or changed by hand: {error}") from None


def _as_today(values: dict) -> dict:
    """What a run of November 2026 stored, with the keys that came later, which change nothing in it."""
    later = {
        "backbone": {"name": "none"},
        "fusion": {"stride": None, "match_parameters_of": None},
        "decoder": {"full_size": 0},
        "head": {"loss": "smooth_l1"},
    }
    if "backbone" in values:  # it has all of these
        later = {}
    later["evaluation"] = {"mirror": False}
    if isinstance(values.get("decoder"), dict) and values["decoder"].get("name") == "skip":
        plain = {"output_stride": 1, "smallest_width": 0, "upsampling": "transposed"}
        later["decoder"] = {**later.get("decoder", {}), **plain}
    later["trainer"] = {
        "batch_seconds": 120,
        "checkpoint": {"every_epochs": 5, "every_steps": None, "keep": 2, "misses": 3},
        "on_nan": {"action": "stop", "times": 3, "rate": 0.5},
    }
    tracking = values.get("tracking")
    if isinstance(tracking, dict) and tracking.get("name") == "mlflow":
        later["tracking"] = {"patience": 1.5, "register": None}
    if not all(isinstance(values.get(key, {}), dict) for key in later):
        return values
    return {"init": None, "resume": None} | values | {key: keys | values.get(key, {}) for key, keys in later.items()}


def dump(config: Config) -> str:
    """The configuration as YAML, in the order of the schema."""
    return yaml.safe_dump(config.stored(), sort_keys=False)


def with_temperature(config: Config, temperature: float | None) -> Config:
    """The configuration of a model with another temperature of its annealed mean; None leaves it.

    Raises:
        UserError: the head has none, or it is not between the lowest and 1.
    """
    if temperature is None:
        return config
    if not isinstance(config.head, BinsHead):
        raise UserError(f"--temperature: this model has head={config.head.name}, which has none; only head=bins does")
    if not LOWEST_TEMPERATURE <= temperature <= 1:
        raise UserError(f"--temperature: expected {LOWEST_TEMPERATURE} to 1, received {temperature:g}")
    return config.model_copy(update={"head": config.head.model_copy(update={"temperature": temperature})})


def changed_temperature(config: Config, trained: Config) -> float | None:
    """The temperature of a configuration where it is another one than in training, else None."""
    if not isinstance(config.head, BinsHead) or config.head.temperature == trained.head.temperature:
        return None
    return config.head.temperature
