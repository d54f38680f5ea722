"""The typed configuration: every key, its type, its range, and the combinations that cannot work.

The values live in `configs/`; nothing here has a default, so that a YAML file says all there is to say.
Neither Keras nor a backend is imported, so that a wrong configuration is refused at once.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, create_model

from colorize.config.base import Option, Section, options
from colorize.config.data import Data
from colorize.config.efficientnet import EfficientNetLite  # noqa: F401 - defined there, and known from here on
from colorize.config.fusion import FeatureMap, Fusion
from colorize.config.messages import Problem, Refusal, from_pydantic, nearest
from colorize.config.model import (
    LOWEST_TEMPERATURE,
    Backbone,
    BinsHead,
    Decoder,
    Encoder,
    Head,
    PretrainedBackbone,
)
from colorize.config.training import Evaluation, Optimizer, Tracking, Trainer
from colorize.errors import UserError


class Config(Section):
    """A whole run. The fields are the groups of `configs/`, then what belongs to no group."""

    data: Data
    encoder: Encoder
    backbone: Backbone
    fusion: Fusion
    decoder: Decoder
    head: Head
    optimizer: Optimizer
    trainer: Trainer
    evaluation: Evaluation
    tracking: Tracking
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


GROUPS = {name: field.annotation for name, field in Config.model_fields.items()}
GROUPS = {name: group for name, group in GROUPS.items() if isinstance(group, type) and issubclass(group, Option)}
"""Key -> class of the groups whose options are classes of their own."""


@lru_cache
def _config_of(*chosen: type[Option]) -> type[Config]:
    """The configuration whose groups are settled, so that each key has one type, and its message one expectation."""
    fields = {option.GROUP: (option, ...) for option in chosen}
    return create_model("Config", __base__=Config, **fields)


def _chosen(values: dict) -> type[Config]:
    """The configuration of the options that the `name` of each group asks for.

    Raises:
        Refusal: a group has no name, or one that no option has.
    """
    chosen, problems = [], []
    for key, group in GROUPS.items():
        known, section = options(group), values.get(key)
        if not isinstance(section, dict):  # missing, or no section: pydantic says so
            continue
        listed = ", ".join(repr(name) for name in known)
        if "name" not in section:
            received = f"keys {', '.join(map(str, section))}"
            problems.append(Problem(f"{key}.name", f"one of {listed}", received, f"{key}.name"))
        elif section["name"] in known:
            chosen.append(known[section["name"]])
        else:
            name = section["name"]
            problems.append(Problem(f"{key}.name", f"one of {listed}", repr(name), nearest(str(name), known)))
    if problems:
        raise Refusal(problems)
    return _config_of(*chosen)


def _problems(config: Config, to_train: bool) -> list[Problem]:
    """What cannot go together, or not here: each option knows its own."""
    problems = []
    for key in GROUPS:
        option = getattr(config, key)
        found = list(option.problems(config))
        problems += found or (option.missing_here(config) if to_train else [])
    return problems


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
        kind = _chosen(values)
    except Refusal as refusal:
        raise Refusal(refusal.problems, locate) from None
    try:
        config = kind.model_validate(values)
    except ValidationError as error:
        raise Refusal([from_pydantic(e, kind) for e in error.errors()], locate) from None
    problems = _problems(config, to_train) if combinations else []
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
