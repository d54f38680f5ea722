"""Composing a configuration from `configs/` and overrides, and saying where a wrong value was written.

Hydra lets unknown keys through behind `+` and `++`, and tells other mistakes in its own words. So everything is
composed here first, with every override forced (`++`), and evaluated by the schema alone; what passes goes to Hydra.
"""

from __future__ import annotations

import os
import re
import shlex
from functools import lru_cache
from pathlib import Path
from typing import cast

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from colorize.compat import node_of
from colorize.config import base
from colorize.config.base import Values, flat, groups
from colorize.config.locate import line_of, locate, on_command_line
from colorize.config.messages import Locate, Problem, Refusal, unknown_key
from colorize.config.nearest import nearest
from colorize.config.schema import Config, validate
from colorize.errors import UserError

HYDRAS_IN_FILES = ("run.dir", "sweep.dir", "sweep.subdir", "sweeper.params")
"""All that a file of a group may say of Hydra. The rest can name code to be run, or set its environment: that is for
`configs/train.yaml` and the command line, so that an experiment of a stranger is as harmless as it looks."""
HYDRAS_OWN = ("runtime", "overrides", "job.name", "job.config_name", "job.override_dirname", "job.id", "job.num")
"""What Hydra writes there itself."""
REFERENCE = re.compile(r"\$\{[\w.]+\}")
OPTIONAL = ("experiment", "debug")
"""Groups of which a run may have none."""
SEVERAL = ("loss",)
"""Groups of which several options may be chosen: `loss=[l1,l2]`."""
PLUGINS = ("hydra/launcher", "hydra/sweeper")
PLUGIN_HINT = "Launchers and sweepers other than basic come with: pip install -e '.[sweep]' -c constraints.txt"


def composed(overrides: list[str], name: str = "train", combinations: bool = True) -> Config:
    """The configuration of `configs/<name>.yaml` under some overrides.

    Args:
        combinations: whether values must go together too, as training needs.
    Raises:
        UserError: an override cannot be read, or the configuration cannot be run.
    """
    parsed = parse(overrides)
    forced = [_forced(override) for override in parsed]
    for override in parsed:
        _check_option(override)
    hydras = [override for override in parsed if is_hydras(override)]
    if hydras:
        chosen = [text for text, o in zip(forced, parsed) if o not in hydras or o.key_or_group.startswith("hydra/")]
        _check_hydras(hydras, compose_by_hydra(name, chosen).hydra)
    config = compose_by_hydra(name, forced)
    _check_hydra_of_files(config.hydra, [text for text, o in zip(forced, parsed) if o in hydras])
    choices = _plain(config.hydra.runtime.choices)
    checked = to_config(config, lambda key: locate(key, parsed, choices, name), combinations)
    _check_kind_of_data(parsed, choices)
    return checked


def data_and_evaluation(config: Config, overrides: list[str]) -> Config:
    """A stored configuration with other photos, or another evaluation.

    Args:
        config: of a trained model.
        overrides: of `data` and `evaluation`: options of the groups, which replace the section, and values.
    Raises:
        UserError: an override is of something else, or wrong.
    """
    parsed = parse(overrides)
    for override in parsed:
        if override.key_or_group.partition(".")[0] not in ("data", "evaluation"):
            raise UserError(
                f"{line_of(override)!r}: only data and evaluation can be changed here, as in data=folder"
                " data.root=PATH evaluation.perceptual=true; all else is the model's own"
            )
    return changed(config, overrides)


def changed(config: Config, overrides: list[str]) -> Config:
    """A stored configuration with other options, each of which replaces its section, and other values."""
    parsed = parse(overrides)
    values = config.model_dump(serialize_as_any=True)
    for override in parsed:
        _check_option(override)
    chosen = [line_of(override) for override in parsed if override.key_or_group in groups()]
    if chosen:
        fresh = composed(chosen, combinations=False).model_dump(serialize_as_any=True)
        values |= {line.lstrip("+").partition("=")[0]: fresh[line.lstrip("+").partition("=")[0]] for line in chosen}
    changed = OmegaConf.create(values)
    for override in parsed:
        if override.key_or_group not in groups():
            OmegaConf.update(changed, override.key_or_group, override.value(), force_add=True)
    return to_config(changed, lambda key: locate(key, parsed, {}), combinations=False)


def compose_by_hydra(name: str, overrides: list[str]) -> DictConfig:
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(base.CONFIGS), version_base="1.3"):
            return compose(name, overrides, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError) as error:
        needs_plugin = any(override.startswith(PLUGINS) for override in overrides)
        hint = f"\n{PLUGIN_HINT}" if needs_plugin else ""
        raise UserError(f"the configuration cannot be composed: {error}{hint}") from None


def _plain(config: DictConfig, resolve: bool = False) -> Values:
    return cast(Values, OmegaConf.to_container(config, resolve=resolve))  # a DictConfig becomes a dict


def to_config(config: DictConfig, locate: Locate | None = None, combinations: bool = True) -> Config:
    """Validates what Hydra composed, its own section left out."""
    without_hydra = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    _check_references(without_hydra, locate)
    try:
        values = _plain(without_hydra, resolve=True)
    except OmegaConfBaseException as error:
        key = str(error.full_key)
        expected = "a reference to a key that is there, as in ${data.height}; the shell knows the environment: $NAME"
        raise Refusal([Problem(key, expected, str(flat(_plain(without_hydra)).get(key)))], locate) from None
    return validate(values, locate, combinations)


def _check_references(config: DictConfig, locate: Locate | None) -> None:
    """Refuses what would be computed when it is read, such as `${oc.env:TOKEN}`, which would end up in the log."""
    values = flat(_plain(config))
    expected = "a value, or a reference to another one as in ${data.height}; the shell knows the environment: $NAME"
    found = [
        key for key, value in values.items() if isinstance(value, str | list) and "${" in REFERENCE.sub("", str(value))
    ]
    if found:
        raise Refusal([Problem(key, expected, str(values[key])) for key in found], locate)


def _check_hydra_of_files(hydra: DictConfig, overrides: list[str]) -> None:
    """Refuses a file of a group that says of Hydra what is not its to say."""
    plain = _plain_hydra(tuple(overrides), base.CONFIGS)
    for key, value in flat(_plain(hydra)).items():
        known = any(key == name or key.startswith(f"{name}.") for name in HYDRAS_IN_FILES + HYDRAS_OWN)
        if not known and plain.get(key) != value:
            allowed = ", ".join(f"hydra.{name}" for name in HYDRAS_IN_FILES)
            raise UserError(
                f"a configuration file sets hydra.{key} to {value!r}: files may set {allowed} alone, since the rest can"
                " run code. If you trust it, give it on the command line"
            )


@lru_cache(maxsize=8)  # the jobs of a sweep ask for the same
def _plain_hydra(overrides: tuple[str, ...], configs: Path) -> Values:
    """What `train.yaml` in the folder of configurations and the command line say of Hydra, flat."""
    return flat(_plain(compose_by_hydra("train", list(overrides)).hydra))


def parse(overrides: list[str]) -> list[Override]:
    parser = OverridesParser.create()
    parsed = []
    for text in overrides:
        try:
            override = parser.parse_override(quote_option(text))
        except HydraException as error:
            raise unreadable(text, str(error).splitlines()[0]) from None
        if not override.key_or_group:
            raise unreadable(text, "it has no key")
        parsed.append(override)
    return parsed


def quote_option(text: str) -> str:
    """`debug=nan` so that Hydra reads the name of an option, and not a number."""
    key, _, value = text.partition("=")
    return f"{key}='{value}'" if value == "nan" and key.lstrip("+") in groups() else text


def unreadable(text: str, reason: str) -> UserError:
    return UserError(f"{text!r} on the command line cannot be read: expected KEY=VALUE ({reason})")


def _check_option(override: Override) -> None:
    group, option = override.key_or_group, override.value()
    options = groups().get(group)
    if options is None or override.is_delete():
        return
    named = option if isinstance(option, list) and group in SEVERAL else [option]
    if not named or any(isinstance(name, list) or str(name) not in options for name in named):
        optional = "; for none of them, leave it out" if group in OPTIONAL else ""
        expected = f"one of the options of {group}: {', '.join(options)}{optional}"
        meant = f"{group}={nearest(str(option), options)}"
        if group == "data" and (os.sep in str(option) or Path(str(option)).expanduser().exists()):
            meant = f"data=folder {shlex.quote(f'data.root={option}')}"
        problem = Problem(group, expected, repr(option), meant)
        raise Refusal([problem], lambda key: on_command_line(override))


def _check_kind_of_data(parsed: list[Override], choices: Values) -> None:
    """Refuses a folder of one's own under the size and the settings of the sample, unless they are asked for."""
    given = {override.key_or_group: override for override in parsed}
    root = given.get("data.root")
    if root is None or root.value() is None or "data" in given or choices.get("data") != "sample":
        return
    expected = "the kind of data beside it, since data=sample has a size and settings of its own"
    problem = Problem(
        "data.root", expected, f"{root.value()} alone", f"data=folder {shlex.quote(line_of(root).lstrip('+'))}"
    )
    raise Refusal([problem], {problem.key: on_command_line(root)}.get)


def is_hydras(override: Override) -> bool:
    return re.match(r"hydra\b", override.key_or_group) is not None


def _check_hydras(overrides: list[Override], hydra: DictConfig) -> None:
    """Refuses a key of Hydra's own that Hydra does not have; behind `++` it would be taken without a word."""
    for override in overrides:
        if override.key_or_group == "hydra.job.chdir" and override.value():
            expected = "false: paths are of the folder in which the command is given, and so is what it prints"
            problem = Problem(override.key_or_group, expected, "true")
            raise Refusal([problem], {problem.key: on_command_line(override)}.get)
        node, keys = hydra, override.key_or_group.split(".")[1:]
        for depth, key in enumerate(keys, start=1):
            if not isinstance(node, DictConfig) or not len(node):
                break  # free to hold anything, as hydra.job.env_set
            if key not in node:
                prefix = ".".join(["hydra", *keys[: depth - 1]])
                problem = unknown_key(prefix, key, [str(name) for name in node], received=key)
                raise Refusal([problem], {problem.key: on_command_line(override)}.get)
            node = node_of(node, key)


def _forced(override: Override) -> str:
    line = line_of(override)
    key = override.key_or_group
    if override.is_sweep_override():
        raise UserError(f"{line!r} on the command line lists several values: a sweep needs -m")
    is_group = key in groups() or key.partition("@")[0] in groups()
    if is_group:
        return line.lstrip("+")
    return line if is_hydras(override) or override.is_delete() else "++" + line.lstrip("+")
