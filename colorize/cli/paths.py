"""Paths on the command line as people have them, which Hydra's grammar of values would take for something else."""

from __future__ import annotations

from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from colorize.runs.layout import as_override

PATHS = ("data.root", "data.cache", "encoder.weights", "init", "resume", "hydra.run.dir", "hydra.sweep.dir")
"""Keys whose values are paths."""


def quote_path(argument: str, is_sweep: bool = False) -> str:
    """`KEY=PATH` so that Hydra reads PATH as it stands: `photos (1)`, `a=b`, `2024`; `~/` is the home folder.

    What is quoted already, null, refers to another value (`${...}`) or is no path comes back as it is. In a sweep,
    `a,b` are two paths unless something is called so.
    """
    key, _, value = argument.partition("=")
    if key.lstrip("+") not in PATHS or not value or value[0] in "'\"" or "${" in value:
        return argument
    path = str(Path(value).expanduser()) if value.startswith("~") else value
    try:
        override = OverridesParser.create().parse_override(argument)
    except HydraException:
        return as_override(key, path)
    if override.is_sweep_override():
        is_meant = is_sweep and not Path(path).exists()
    else:
        is_meant = path == value and override.value() in (value, None)
    return argument if is_meant else as_override(key, path)
