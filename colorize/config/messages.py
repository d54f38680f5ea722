"""How a wrong configuration is reported: the key, where it was written, what was expected and received."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from colorize.config.nearest import nearest, nearest_key
from colorize.errors import UserError

Locate = Callable[[str], str | None]
"""From a dotted key to where its value was written."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one key."""

    key: str
    expected: str
    received: str
    nearest: str | None = None
    """The valid name most like a mistyped one."""


class Refusal(UserError):
    """A configuration that cannot be run, with all its problems."""

    def __init__(self, problems: Iterable[Problem], locate: Locate | None = None):
        self.problems = list(problems)
        blocks = [_block(problem, locate(problem.key) if locate else None) for problem in self.problems]
        super().__init__("\n".join(["this configuration cannot be run:", *blocks]))


def _block(problem: Problem, where: str | None) -> str:
    lines = [f"  {problem.key}"]
    rows = {
        "where": where,
        "expected": problem.expected,
        "received": problem.received,
        "nearest": problem.nearest,
    }
    return "\n".join(lines + [f"    {name:<9} {text}" for name, text in rows.items() if text])


def problems_of(errors: Iterable[ErrorDetails], root: type[BaseModel]) -> list[Problem]:
    """Puts `ValidationError.errors()` into our words: one problem for each value, also for one that may be of several
    kinds, for each of which pydantic has an error."""
    found: dict[str, Problem] = {}
    for error in errors:
        problem = from_pydantic({**error, "loc": _of_value(error["loc"], root)}, root)
        before = found.get(problem.key)
        if before is not None and before.expected != problem.expected:
            problem = replace(problem, expected=f"{before.expected}, or {problem.expected}", nearest=None)
        found[problem.key] = problem
    return list(found.values())


def _of_value(location: tuple[int | str, ...], root: type[BaseModel]) -> tuple[int | str, ...]:
    """Where a value stands, without the kind of value that was tried."""
    model = root
    for at, part in enumerate(location, start=1):
        field = _keys(model).get(str(part))
        kind = field.annotation if field else None
        if field is None:
            break
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return (*location[:at], *(part for part in location[at:] if isinstance(part, int)))
        model = kind
    return location


def from_pydantic(error: ErrorDetails, root: type[BaseModel]) -> Problem:
    """Puts one entry of `ValidationError.errors()` into our words."""
    keys = [str(part) for part in error["loc"]]
    key = ".".join(keys)
    if error["type"] == "extra_forbidden":
        parent = root if len(keys) == 1 else _parent(error["loc"], root)
        received = f"{keys[-1]}: {error['input']!r}"
        return unknown_key(".".join(keys[:-1]), keys[-1], list(_keys(parent)), received, list(_dotted(root)))
    if error["type"] == "missing":
        return Problem(key, "a value", "nothing")
    if error["type"] == "invalid_key":
        expected = 'names as keys; YAML takes on, off, yes and no for true and false, unless they are quoted: "on"'
        return Problem(".".join(keys[:-1]) or "the configuration", expected, f"{error['input']!r} as a key")
    expected = _length(error) or error["msg"].removeprefix("Input should be ")
    choices = [c.strip("' ") for c in error.get("ctx", {}).get("expected", "").replace(" or ", ",").split(",")]
    return Problem(key, expected, repr(error["input"]), nearest(str(error["input"]), filter(None, choices)))


def _length(error: ErrorDetails) -> str | None:
    """What a list or a text was expected to be that is too short or too long."""
    for kind, words, bound in (("too_short", "at least", "min_length"), ("too_long", "at most", "max_length")):
        if error["type"].endswith(kind):
            of_text = error["type"].startswith("string")
            number = error["ctx"][bound]
            return f"{words} {number} {'character' if of_text else 'item'}{'' if number == 1 else 's'}"
    return None


def unknown_key(section: str, name: str, known: list[str], received: str, keys: list[str] | None = None) -> Problem:
    """A key `name` that is none of the `known` ones of a section (empty: the whole configuration).

    Args:
        keys: all dotted keys of the configuration, one of which may be meant instead.
    """
    expected = f"one of the keys of {section or 'the configuration'}: {', '.join(known)}"
    return Problem(f"{section}.{name}".lstrip("."), expected, received, nearest_key(section, name, known, keys or []))


def _parent(location: tuple[int | str, ...], root: type[BaseModel]) -> type[BaseModel]:
    model = root
    for part in location[:-1]:
        kind = _keys(model)[str(part)].annotation
        assert isinstance(kind, type) and issubclass(kind, BaseModel)  # only sections have keys
        model = kind
    return model


def _keys(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a part, as they are called in YAML."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _dotted(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The dotted keys of all values below a part."""
    for name, field in _keys(model).items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _dotted(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
