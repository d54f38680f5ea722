"""What every part of the configuration is made of: the strict base class and the types that recur."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PROJECT = Path(__file__).resolve().parent.parent.parent

Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Normalization = Literal["batch", "none"]
Filters = Annotated[list[Positive], Field(min_length=1)]


class Section(BaseModel):
    """A part of the configuration: unknown keys and wrong types are errors, values never change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def flat(values: dict, prefix: str = "") -> dict:
    """Nested dicts as one, with dotted keys."""
    result = {}
    for key, value in values.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return result
