"""The typed configuration: every key, its type, its range, and the combinations that cannot work.

The values live in `configs/`; nothing here has a default, so that a YAML file says all there is to say.
Neither Keras nor a backend is imported, so that a wrong configuration is refused at once.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, create_model

from colorize.config.base import Option, Section, Values, options
from colorize.config.data import Data
from colorize.config.efficientnet import EfficientNetLite  # noqa: F401 - defined there, and known from here on
from colorize.config.fusion import FeatureMap, Fusion
from colorize.config.loss import Losses, Term
from colorize.config.messages import Locate, Problem, Refusal, problems_of
from colorize.config.model import (
    LOWEST_TEMPERATURE,
    Backbone,
    BinsHead,
    Decoder,
    Encoder,
    Head,
    PretrainedBackbone,
)
from colorize.config.nearest import nearest
from colorize.config.older import upgraded
from colorize.config.registry import load_extensions
from colorize.config.training import EvaluationConfig, Optimizer, Tracking, Trainer
from colorize.errors import UserError


class Config(Section):
    """A whole run. The fields are the groups of `configs/`, then what belongs to no group."""

    data: Data
    encoder: Encoder
    backbone: Backbone
    fusion: Fusion
    decoder: Decoder
    head: Head
    loss: Losses
    optimizer: Optimizer
    trainer: Trainer
    evaluation: EvaluationConfig
    tracking: Tracking
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    backend: Literal["tensorflow", "jax"]
    init: str | None
    """Model whose weights are taken where they fit: output folder, model file, or pretrained; null: at random."""
    resume: str | None
    """Output folder of the run that is continued. How a run is started is no part of what it is: it is not stored."""

    def stored(self) -> Values:
        """What the run is, as plain values."""
        return self.model_dump(exclude={"resume"}, serialize_as_any=True)  # also of an option that was put in place

    @property
    def output_stride(self) -> int:
        """Pixels of the picture to a position of the decoder's map."""
        return getattr(self.decoder, "output_stride", 1)

    @property
    def feature_map(self) -> FeatureMap:
        """The map that is fused."""
        maps = self.encoder.maps
        stride = self.fusion.stride or max(maps)
        channels = maps[stride]
        if isinstance(self.backbone, PretrainedBackbone) and stride == max(maps):
            channels = self.backbone.channels
        return FeatureMap(stride, self.data.height // stride, self.data.width // stride, channels)


_FIELDS = {name: field.annotation for name, field in Config.model_fields.items()}
GROUPS = {name: kind for name, kind in _FIELDS.items() if isinstance(kind, type) and issubclass(kind, Option)}
"""Key -> class of the groups whose options are classes of their own."""


def _chosen(values: Values, locate: Locate | None) -> type[Config]:
    """The configuration whose options are settled by the `name` of each, so that each key has one type.

    Raises:
        Refusal: an option has no name, or one that none has.
    """
    load_extensions()
    sections = {key: values.get(key) for key in GROUPS}
    terms = values.get("loss")
    terms = terms if isinstance(terms, dict) else {}
    sections |= {f"loss.{label}": term for label, term in terms.items()}
    # Where a section is missing, or is none, pydantic says so.
    found = {key: _option(key, section) for key, section in sections.items() if isinstance(section, dict)}
    problems = [one for one in found.values() if isinstance(one, Problem)]
    problems += [_no_label(str(label)) for label in terms if not _is_label(label)]
    if problems:
        raise Refusal(problems, locate)
    return _config_of(tuple(found.items()))


def _is_label(label: object) -> bool:
    return isinstance(label, str) and re.fullmatch("[a-z][a-z0-9_]*", label) is not None and not hasattr(Losses, label)


def _no_label(label: str) -> Problem:
    return Problem(f"loss.{label}", "a label of small letters, digits and _, for example l1_of_skin", label)


def _option(key: str, section: Values) -> type[Option] | Problem:
    group: type[Option] = GROUPS.get(key, Term)
    known = options(group)
    listed, name = ", ".join(repr(name) for name in known), section.get("name")
    if "name" not in section:
        return Problem(f"{key}.name", f"one of {listed}", f"keys {', '.join(map(str, section))}", f"{key}.name")
    found = known.get(name) if isinstance(name, str) else None
    return found or Problem(f"{key}.name", f"one of {listed}", repr(name), nearest(str(name), known))


@lru_cache
def _config_of(chosen: tuple[tuple[str, type[Option]], ...]) -> type[Config]:
    terms: dict[str, Any] = {
        key.removeprefix("loss."): (option, ...) for key, option in chosen if key.startswith("loss.")
    }
    fields: dict[str, Any] = {key: (option, ...) for key, option in chosen if not key.startswith("loss.")}
    fields["loss"] = (create_model("Losses", __base__=Losses, **terms), ...)
    return create_model("Config", __base__=Config, **fields)


def _problems(config: Config, to_train: bool) -> list[Problem]:
    """What cannot go together, or not here: each option knows its own."""
    problems = [] if config.loss.terms else [Problem("loss", "at least one term", "none")]
    for option in [*(getattr(config, key) for key in GROUPS), *config.loss.terms.values()]:
        found = list(option.problems(config))
        problems += found or (option.missing_here(config) if to_train else [])
    return problems + list(config.trainer.problems(config))


def validate(values: Values, locate: Locate | None = None, combinations: bool = True, to_train: bool = True) -> Config:
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
    kind = _chosen(values, locate)
    try:
        config = kind.model_validate(values)
    except ValidationError as error:
        raise Refusal(problems_of(error.errors(), kind), locate) from None
    problems = _problems(config, to_train) if combinations else []
    if problems:
        raise Refusal(problems, locate)
    return config


def load(path: Path) -> Config:
    """Reads the configuration that a finished run stored."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        values = None
    if not isinstance(values, dict):
        raise UserError(f"{path} is damaged: expected the configuration of a run, as train.py writes it")
    return from_stored(values, str(path))


def from_stored(values: Values, where: str) -> Config:
    """The configuration out of the plain values that a run stored, also an earlier version's; `where`, for messages.

    Raises:
        UserError: it is of another version, or was changed by hand.
    """
    try:
        return validate(upgraded(values) | {"resume": None}, locate=lambda key: where, to_train=False)
    except Refusal as error:
        raise UserError(
            f"{where} was written by another version of colorize, or changed by hand, or an"
            f" extension is not found: {error}"
        ) from None


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
    before = trained.head.temperature if isinstance(trained.head, BinsHead) else None
    now = config.head.temperature if isinstance(config.head, BinsHead) else None
    return None if now == before else now
