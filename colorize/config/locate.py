"""Where a value of the configuration was written, for messages."""

from __future__ import annotations

from pathlib import Path

import yaml
from hydra.core.override_parser.types import Override

from colorize.config import base
from colorize.config.base import groups


def line_of(override: Override) -> str:
    """An override as it was typed."""
    assert override.input_line is not None  # Hydra's own defaults alone have none
    return override.input_line


def on_command_line(override: Override) -> str:
    return f"command line: {line_of(override)}"


def locate(key: str, overrides: list[Override], choices: dict[str, str], name: str = "train") -> str | None:
    """Where the value of a dotted key was written: the command line, or a file and its line; the last one wins."""
    for override in reversed(overrides):
        written = override.key_or_group
        if written not in groups() and (key == written or key.startswith(written + ".")):
            return on_command_line(override)
    group = key.partition(".")[0]
    files: list[tuple[Path, str | None]] = [
        (base.CONFIGS / g / f"{choices[g]}.yaml", g) for g in ("debug", "experiment") if choices.get(g)
    ]
    for of_group, chosen in choices.items():
        if of_group in groups():
            options = chosen if isinstance(chosen, list) else [chosen]  # several, of the groups in `SEVERAL`
            options = [name for option in options if option for name in with_bases(of_group, option)]
            files += [(base.CONFIGS / of_group / f"{option}.yaml", of_group) for option in options]
    files.append((base.CONFIGS / f"{name}.yaml", None))
    keys = key.split(".")
    for path, section in files:
        is_global = path.is_file() and "@package _global_" in path.read_text(encoding="utf-8").partition("\n")[0]
        if section is not None and not is_global and section != group:
            continue
        line = _line(path, keys if section is None or is_global else keys[1:])
        if line:
            return f"{path.relative_to(base.CONFIGS.parent)}, line {line}"
    return None


def with_bases(group: str, option: str) -> list[str]:
    """An option, and those of its group that its file begins with, which it inherits from."""
    path = base.CONFIGS / group / f"{option}.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    entries = (content or {}).get("defaults", [])
    inherited = [entry for entry in entries if isinstance(entry, str) and entry != "_self_"]
    return [option, *[name for entry in inherited for name in with_bases(group, entry)]]


def _line(path: Path, keys: list[str]) -> int | None:
    node = yaml.compose(path.read_text(encoding="utf-8")) if path.is_file() and keys else None
    line = None
    for key in keys:
        children = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((k, v) for k, v in children if k.value == key), None)
        if found is None:
            return None
        line, node = found[0].start_mark.line + 1, found[1]
    return line
