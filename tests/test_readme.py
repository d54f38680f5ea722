"""What README says to do, done: the fusion of one's own."""

import re
from pathlib import Path

from colorize.config.base import PROJECT
from colorize.config.compose import composed

DEFINED = re.compile(r"(?m)^def (test_\w+)")


def test_every_command_of_readme_composes():
    """Each `python train.py` that README names, but for those that need a plugin: its options and keys exist."""
    text = (PROJECT / "README.md").read_text().replace("fusion=blur", "")
    commands = re.findall(r"python train\.py ?([^`#\n]*)", text)
    checked = 0
    for command in commands:
        words = [word for word in command.split() if "=" in word and not word.startswith(("hydra", "'"))]
        words = [word.partition(",")[0] for word in words]  # of a sweep, its first value
        composed([word for word in words if "PATH" not in word and "HOST" not in word])
        checked += 1
    assert checked > 10


def test_every_test_that_readme_names_is_there():
    named = set(re.findall(r"`(test_\w+)`", (PROJECT / "README.md").read_text()))
    defined = {name for file in Path(__file__).parent.rglob("test_*.py") for name in DEFINED.findall(file.read_text())}
    assert len(named) > 20 and named <= defined
