"""What every part of the configuration is made of: the strict base class and the types that recur."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field

from colorize.config.messages import Problem

if TYPE_CHECKING:
    from colorize.config.schema import Config

PACKAGE = Path(__file__).resolve().parent.parent
PROJECT = PACKAGE.parent
"""The clone, where there is one."""
IS_CLONE = (PROJECT / "train.py").is_file()
_RESOURCES = PROJECT if IS_CLONE else PACKAGE / "resources"  # where pip puts the same folders
TRAIN = "python train.py" if IS_CLONE else "colorize train"
"""The command, in messages."""
CONFIGS = _RESOURCES / "configs"
SAMPLE = _RESOURCES / "data" / "sample"

Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Normalization = Literal["batch", "none"]
Filters = Annotated[list[Positive], Field(min_length=1)]
Values = dict[str, Any]
"""Plain nested values, as in YAML."""


class Section(BaseModel):
    """A part of the configuration: unknown keys and wrong types are errors, values never change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Option(Section):
    """One file of a group of `configs/`. A group is a subclass with `GROUP`, its options are subclasses of that.

    A class that is defined is an option: where it is imported, the configuration knows it by its `name`.
    """

    GROUP: ClassVar[str]
    BUILDER: ClassVar[str]
    """Module that registers what is built of it; imported when that is wanted, since it needs Keras."""

    name: str
    """Of the option, as a `Literal`."""

    def problems(self, config: Config) -> Iterator[Problem]:
        """What cannot go together with the rest of a configuration, each value being fine alone."""
        yield from ()

    def missing_here(self, config: Config) -> Iterator[Problem]:
        """What this machine lacks to train it; not asked of a model that is trained already."""
        yield from ()


OptionT = TypeVar("OptionT", bound=Option)


def options(group: type[OptionT]) -> dict[str, type[OptionT]]:
    """Name -> class of all options of a group that are known by now."""
    found: dict[str, type[OptionT]] = {}
    for child in group.__subclasses__():
        names = get_args(child.model_fields["name"].annotation)
        found |= {**dict.fromkeys(names, child), **options(child)}
    return found


def groups() -> dict[str, list[str]]:
    """Each group of `configs/` with its options."""
    folders = sorted(path for path in CONFIGS.iterdir() if path.is_dir())
    return {folder.name: sorted(path.stem for path in folder.glob("*.yaml")) for folder in folders}


def flat(values: Values, prefix: str = "") -> Values:
    """Nested dicts as one, with dotted keys."""
    result: Values = {}
    for key, value in values.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return result
