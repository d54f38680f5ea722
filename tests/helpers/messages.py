"""Errors in tests: asserted by key and exit status, while their wording stands in one file, tests/messages.yaml.

`UPDATE_MESSAGES=1 pytest -m ""` writes that file anew where words have changed; read its diff before you commit it.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from colorize.config.base import PROJECT
from colorize.errors import UserError

WORDING = Path(__file__).parent.parent / "messages.yaml"
"""The text of each message by its key, such as `data.root.missing`."""

_OF_THIS_MACHINE = {
    rf"{re.escape(tempfile.gettempdir())}/pytest-of-[^/]+/pytest-\d+(/popen-gw\d+)?/[\w-]+": "TMP",
    rf"{re.escape(tempfile.gettempdir())}/colorize-\w+": "TMP",
    re.escape(str(PROJECT)): "PROJECT",
}


@contextmanager
def refused(
    key: str, error: type[Exception] = UserError, status: int = 2, **masked: object
) -> Iterator[pytest.ExceptionInfo]:
    """Expects an error of a kind, with an exit status, whose wording is the one stored under a key.

    Args:
        key: of the wording in tests/messages.yaml.
        error: kind of the error.
        status: what the command would exit with; errors that end no command have none.
        masked: parts of the message that differ from machine to machine or run to run, by the name that stands in
            the file instead of them.
    """
    with pytest.raises(error) as raised:
        yield raised
    assert getattr(raised.value, "exit_status", status) == status
    assert_wording(key, str(raised.value), **masked)


@contextmanager
def ended(key: str, capsys: pytest.CaptureFixture, status: int = 2, **masked: object) -> Iterator[None]:
    """Expects that a command ends with an exit status, and that what it wrote to stderr is stored under a key.

    But for the name of the program before it, which here is that of pytest, or of train.py after it was called.
    """
    capsys.readouterr()
    with pytest.raises(SystemExit) as raised:
        yield
    assert raised.value.code == status
    text = capsys.readouterr().err
    for program in (Path(sys.argv[0]).name, "train.py"):
        text = text.removeprefix(f"{program}: ")
    assert_wording(key, text, **masked)


def assert_wording(key: str, text: str, **masked: object) -> None:
    """Compares a message with the stored one; writes it there instead where UPDATE_MESSAGES is set."""
    for name, part in masked.items():
        text = text.replace(str(part), name.upper())
    for pattern, name in _OF_THIS_MACHINE.items():
        text = re.sub(pattern, name, text)
    text = text.strip()
    if os.environ.get("UPDATE_MESSAGES"):
        with FileLock(f"{tempfile.gettempdir()}/colorize-messages.lock"):
            stored = yaml.safe_load(WORDING.read_text()) or {} if WORDING.exists() else {}
            WORDING.write_text(_yaml({**stored, key: text}))
    assert stored_wording().get(key) == text


def stored_wording() -> dict[str, str]:
    """All messages by their keys."""
    return yaml.safe_load(WORDING.read_text(encoding="utf-8")) or {}


class _Dumper(yaml.SafeDumper):
    """Writes texts as blocks, which can be read."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if " " in text else None)


_Dumper.add_representer(str, _block)


def _yaml(messages: dict[str, str]) -> str:
    head = "# Wording of the errors that tests provoke, by key; written by tests/helpers/messages.py.\n"
    return head + yaml.dump(dict(sorted(messages.items())), Dumper=_Dumper, allow_unicode=True, width=10_000)
