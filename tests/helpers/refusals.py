"""Configurations that are refused."""

from pathlib import Path

import pytest

from colorize.config import base
from colorize.config.base import CONFIGS, options
from colorize.config.compose import composed
from colorize.config.messages import Refusal
from colorize.config.model import Encoder


def refusal(*overrides: str) -> Refusal:
    """Expects that a configuration is refused, with exit status 2, in whatever words."""
    with pytest.raises(Refusal) as raised:
        composed(list(overrides))
    assert raised.value.exit_status == 2
    return raised.value


def keys_of(refusal: Refusal) -> list[str]:
    """Which keys of the configuration are wrong."""
    return [problem.key for problem in refusal.problems]


def nearest_of(refusal: Refusal) -> list[str | None]:
    """What is proposed instead of each."""
    return [problem.nearest for problem in refusal.problems]


def encoders() -> str:
    """The names that a message lists: also those of extensions that other tests have imported."""
    return ", ".join(map(repr, options(Encoder)))


def copied_configs(tmp_path: Path, monkeypatch) -> Path:
    """A copy of `configs/` that is read instead."""
    copy = tmp_path / "configs"
    for path in CONFIGS.rglob("*.yaml"):
        target = copy / path.relative_to(CONFIGS)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text())
    monkeypatch.setattr(base, "CONFIGS", copy)
    return copy
