"""Which function or class builds which option of the configuration.

An option is a class of the configuration (`colorize.config.base.Option`), a builder that is registered for it here, and
a YAML file. Neither knows of a list of all others: see `docs/extending.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module, metadata
from typing import Any, TypeVar

from colorize.config.base import Option
from colorize.errors import UserError, first_line

Builder = TypeVar("Builder", bound=Callable[..., Any])

_BUILDERS: dict[type[Option], Callable[..., Any]] = {}


def builds(*options: type[Option]) -> Callable[[Builder], Builder]:
    """Marks a function or class as the builder of some options; it is called with the option first."""

    def register(builder: Builder) -> Builder:
        _BUILDERS.update(dict.fromkeys(options, builder))
        return builder

    return register


@cache
def load_extensions() -> None:
    """Imports the modules that other packages name in the entry points `colorize.extensions`, once.

    Raises:
        UserError: one of them cannot be imported.
    """
    for extension in metadata.entry_points(group="colorize.extensions"):
        try:
            extension.load()
        except Exception as error:  # whatever a module of somebody else's does
            what = f"{type(error).__name__}: {first_line(error)}"
            raise UserError(f"extension {extension.name} ({extension.value}): {what}; mend or uninstall it") from None


def build(option: Option, *args: Any, **kwargs: Any) -> Any:
    """What the builder of an option makes of it.

    Raises:
        UserError: no builder is registered for options of this class.
    """
    import_module(option.BUILDER)
    builder = _BUILDERS.get(type(option))
    if builder is None:
        raise UserError(
            f"{option.GROUP}={option.name}: {option.BUILDER} registers no builder for {type(option).__name__}; mark it"
            f" there with @builds({type(option).__name__})"
        )
    return builder(option, *args, **kwargs)
