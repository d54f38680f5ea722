"""Which function or class builds which option of the configuration.

An option is a class of the configuration (`colorize.config.base.Option`), a builder that is registered for it here, and
a YAML file. Neither knows of a list of all others: see `docs/extending.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from colorize.errors import UserError

Builder = TypeVar("Builder", bound=Callable)

_BUILDERS: dict[type, Callable] = {}


def builds(*options: type) -> Callable[[Builder], Builder]:
    """Marks a function or class as the builder of some options; it is called with the option first."""

    def register(builder: Builder) -> Builder:
        _BUILDERS.update(dict.fromkeys(options, builder))
        return builder

    return register


def build(option, *args, **kwargs):
    """What the builder of an option makes of it.

    Raises:
        UserError: no builder is registered for options of this class.
    """
    builder = _BUILDERS.get(type(option))
    if builder is None:
        raise UserError(
            f"{option.GROUP}={option.name}: no builder is registered for {type(option).__name__}; mark one with"
            f" @builds({type(option).__name__}), in a module that is imported"
        )
    return builder(option, *args, **kwargs)
