"""The command line of `train.py`: everything that it asks for is checked before the first job starts."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException

from colorize.cli.paths import quote_path
from colorize.compat import hydras_arguments
from colorize.config.base import groups
from colorize.config.compose import compose_by_hydra, composed, is_hydras, parse, quote_option, unreadable
from colorize.config.locate import line_of
from colorize.console import fail
from colorize.errors import UserError

JOBS_CHECKED = 50
"""Jobs of a sweep that are all checked before the first one starts, a tenth of a second each; of more, each value once,
and of a range its ends."""
FLAGS_OF_HYDRA = ("help", "hydra_help", "info", "shell_completion")


def check_command_line(arguments: list[str]) -> list[str]:
    """Ends the program with status 2 and a message where the command line asks for a run that cannot be.

    In a sweep (`-m`) every job is checked before the first one starts.

    Returns:
        the arguments for Hydra: paths quoted, without `+` and `++`, which it takes amiss before keys that exist, as all
        of them do.
    """
    known, unknown = hydras_arguments().parse_known_args(arguments)
    quoted = {text: quote_option(quote_path(text, known.multirun)) for text in known.overrides}
    arguments = [quoted.get(text, text) for text in arguments]
    known.overrides = [quoted[text] for text in known.overrides]
    if unknown or any(getattr(known, flag) for flag in FLAGS_OF_HYDRA):
        return arguments  # Hydra's to answer; the job checks its configuration again before it starts
    try:
        if known.config_dir or known.config_path:
            raise UserError(
                "--config-dir and --config-path: configurations lie in configs/ alone, where they are checked; put the"
                " file into configs/experiment/ and choose it with experiment=NAME"
            )
        name = known.config_name or "train"
        parsed = parse(known.overrides)
        if any(override.key_or_group == "resume" for override in parsed):
            return _resuming(arguments, known)
        _check_keys_of_hydra(parsed)
        swept = _swept_in(name, parsed) if known.multirun else {}
        given = {override.get_key_element().lstrip("+") for override in parsed}
        taken_back = _taken_back(key for key in swept if key in given)
        more = [f"{key}={value}" for key, value in swept.items() if key not in given]
        jobs = _jobs([*more, *known.overrides]) if known.multirun else [known.overrides]
        configs = [composed(overrides, name) for overrides in jobs]
        if any(config.resume for config in configs):
            raise UserError("resume: a configuration file sets it; it is for the command line alone")
        _check_output_folder(parsed, "hydra.sweep.dir" if known.multirun else "hydra.run.dir")
        backends = {config.backend for config in configs}
        if len(backends) > 1:
            raise UserError(f"backend: a sweep has one, expected {sorted(backends)[0]} alone; start one for each")
    except UserError as error:
        fail(error)
    plain = {line_of(o): line_of(o).lstrip("+") for o in parsed if not is_hydras(o)}
    at = arguments.index(known.overrides[0]) if taken_back else 0  # argparse takes overrides in one row alone
    arguments = [plain.get(text, text) for text in arguments]
    return [*arguments[:at], *taken_back, *arguments[at:]]


def _check_keys_of_hydra(parsed: list[Override]) -> None:
    """Refuses what would have Hydra read other files, or run other jobs, than those that are checked here."""
    for override in parsed:
        if override.key_or_group == "hydra.mode":
            raise UserError("hydra.mode: a sweep is asked for with -m, before its values: -m seed=1,2,3")
        if override.key_or_group.startswith("hydra.sweeper.params"):
            raise UserError("hydra.sweeper.params: what is swept is given with its values: -m seed=1,2,3")
        if override.key_or_group in ("hydra.run.dir", "hydra.sweep.dir") and not override.value():
            raise UserError(f"{override.key_or_group} is empty: is a variable of the shell unset?")
        if override.key_or_group == "hydra.sweep.subdir" and "${" not in str(override.value()):
            raise UserError(
                "hydra.sweep.subdir: expected a folder for each job, as in '${hydra.job.num}', received one for all:"
                f" {override.value()}"
            )
        if override.key_or_group == "hydra.searchpath":
            raise UserError(
                "hydra.searchpath: configurations lie in configs/ alone, where they are checked; put the file into"
                " configs/experiment/ and choose it with experiment=NAME"
            )


def _check_output_folder(parsed: list[Override], key: str) -> None:
    """Refuses a place that cannot be written: Hydra would answer with a trace, when it makes the output folder."""
    given = [str(override.value()) for override in parsed if override.key_or_group == key]
    wanted = Path(given[-1].partition("${")[0] if given else ".").expanduser().absolute()
    there = next(folder for folder in (wanted, *wanted.parents) if folder.exists())
    if not os.access(there, os.W_OK):
        raise UserError(
            f"{key}: {there} cannot be written, and the output folder is made there; start in another folder, or name"
            f" one: {key}=PATH"
        )


def _taken_back(twice: Iterable[str]) -> list[str]:
    """Overrides that take keys out of `hydra.sweeper.params` which the command line gives too: Hydra would want both.

    Raises:
        UserError: one cannot be taken out.
    """
    keys = list(twice)
    for key in keys:
        if "." in key:  # Hydra has no way to name it there
            raise UserError(f"{key} is swept by a configuration file (hydra.sweeper.params); change its values there")
    return [f"~hydra.sweeper.params.{key}" for key in keys]


def _resuming(arguments: list[str], known) -> list[str]:
    from colorize.training.resume import arguments_for

    if known.multirun:
        raise UserError(
            "resume: in a sweep each job is a run of its own; go on with each by the folder of the job, without -m:"
            " resume=multirun/DATE_TIME/NUMBER"
        )
    flags = [text for text in arguments if text not in known.overrides]
    plain = arguments_for(known.overrides, known.config_name or "train")
    return [*flags, *[text if text.startswith("hydra") else text.lstrip("+") for text in plain]]


def _swept_in(name: str, parsed: list[Override]) -> dict[str, Any]:
    """What the configuration itself sweeps, as an experiment may (`hydra.sweeper.params`)."""
    known = groups()["experiment"]  # another one is refused, in our words, with the first job
    chosen = [line_of(o) for o in parsed if o.key_or_group == "experiment" and str(o.value()) in known]
    swept = compose_by_hydra(name, chosen).hydra.sweeper.get("params") or {}
    for key in swept:
        if key.lstrip("+~").partition("=")[0].partition("@")[0].startswith("hydra"):
            raise UserError(
                f"hydra.sweeper.params of a configuration file sweeps {key}: it may sweep no key of Hydra's"
            )
    return dict(swept)


def _jobs(overrides: list[str]) -> list[list[str]]:
    """The overrides of each job; of a search, or of very many jobs, enough of them to see each value once."""
    parsed = parse(overrides)
    is_search = any(override.key_or_group == "hydra/sweeper" for override in parsed)
    choices = []
    for override in parsed:
        if override.is_sweep_override():
            key = override.get_key_element()
            choices.append([f"{key}={value}" for value in _values(override, is_search)])
        else:
            choices.append([line_of(override)])
    if not is_search and math.prod(map(len, choices)) <= JOBS_CHECKED:
        return [list(job) for job in itertools.product(*choices)]
    first = [values[0] for values in choices]
    return [[*first[:i], value, *first[i + 1 :]] for i, values in enumerate(choices) for value in values]


def _values(override: Override, is_search: bool) -> list[str]:
    value = override.value()
    if is_search and isinstance(value, IntervalSweep):  # of what a search may choose, both ends
        return [str(value.start), str(value.end)]
    try:
        values = list(override.sweep_string_iterator())
        return [values[0], values[-1]] if override.is_range_sweep() and len(values) > JOBS_CHECKED else values
    except HydraException as error:
        raise unreadable(line_of(override), f"a sweep here needs a list or a range: {error}") from None
