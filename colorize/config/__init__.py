"""The typed configuration: every key, its type, its range, and the combinations that cannot work.

The values live in `configs/`; nothing here has a default, so that a YAML file says all there is to say.
Neither Keras nor a backend is imported, so that a wrong configuration is refused at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError

from colorize.config.data import Augmentation, CifarData, Data, FolderData, SampleData
from colorize.config.network import NoFusion, PyramidEncoder, RegressionHead, RowGru, SeedEncoder, SkipDecoder
from colorize.config.running import AdamW, Evaluation, MlflowTracking, NoTracking, Trainer
from colorize.config.section import Section
from colorize.errors import UserError
from colorize.refusal import Problem, Refusal, from_pydantic

__all__ = [
    "AdamW", "Augmentation", "CifarData", "Config", "Data", "Evaluation", "FolderData", "MlflowTracking", "NoFusion",
    "NoTracking", "PyramidEncoder", "RegressionHead", "RowGru", "SampleData", "SeedEncoder", "SkipDecoder", "Trainer",
]  # fmt: skip

PROJECT = Path(__file__).resolve().parent.parent.parent


class Config(Section):
    """A whole run. The fields are the groups of `configs/`, then what belongs to no group."""

    data: Annotated[SampleData | FolderData | CifarData, Field(discriminator="name")]
    encoder: Annotated[SeedEncoder | PyramidEncoder, Field(discriminator="name")]
    fusion: Annotated[RowGru | NoFusion, Field(discriminator="name")]
    decoder: SkipDecoder
    head: RegressionHead
    optimizer: AdamW
    trainer: Trainer
    evaluation: Evaluation
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


def validate(values: dict, locate=None, combinations: bool = True) -> Config:
    """Turns plain nested values into a `Config`.

    Args:
        values: the composed configuration, as nested dicts and lists.
        locate: from a dotted key to where its value was written, for the message.
        combinations: whether values that are fine alone must go together too; not where nothing is trained.
    Raises:
        Refusal: naming every key that is wrong, what was expected and what was received.
    """
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise Refusal([from_pydantic(e, Config) for e in error.errors()], locate) from None
    problems = list(_impossible(config)) if combinations else []
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
    try:
        return validate(values, locate=lambda key: str(path))
    except Refusal as error:
        raise UserError(f"{path} was written by another version of colorize, or changed by hand: {error}") from None


def dump(config: Config) -> str:
    """The configuration as YAML, in the order of the schema."""
    return yaml.safe_dump(config.model_dump(), sort_keys=False)
