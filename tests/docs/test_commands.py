"""What README and docs/ say to do: each block of commands is run, by a test that it names or by this one."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from colorize.__main__ import build_parser
from colorize.cli.command_line import check_command_line
from colorize.config.base import PROJECT

pytestmark = pytest.mark.once

PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?m)^(?:<!-- (.*) -->\n)?```(bash|python)\n((?:.*\n)*?)```$")
PLACES = {
    "PHOTO_OR_FOLDER...": "data/sample/photos/beach0.jpg",
    "fusion=blur": "fusion=conv",  # the example of docs/extending.md
}
"""What stands for something of one's own -> what is there."""


@dataclass(frozen=True)
class Block:
    """Some commands of a page, and what is said of them in the comment before.

    Attributes:
        mark: `tested: FILES`, `not run: REASON`, `command: NAME` (by .ci/run) or `example: FILE`; None: run here.
    """

    page: str
    mark: str | None
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text.splitlines()[0]}"


BLOCKS = [Block(page.name, *found) for page in PAGES for found in BLOCK.findall(page.read_text())]
HERE = [block for block in BLOCKS if not block.mark]


def test_every_block_is_run_by_a_test_or_says_why_not():
    assert len(BLOCKS) > 20
    for block in BLOCKS:
        kind, _, rest = (block.mark or "run").partition(": ")
        assert kind in ("run", "tested", "not run", "command", "example"), block
        assert kind != "tested" or all((PROJECT / file).is_file() for file in rest.split()), block
        assert kind != "not run" or rest, block


def words_of(command: str) -> list[str]:
    for place, thing in PLACES.items():
        command = command.replace(place, thing)
    return [word.strip("'") for word in command.split("  #")[0].split()]


def test_every_training_command_composes(tmp_path, monkeypatch):
    """Its options and keys exist and go together; but for those that need a plugin, a graphics card or other photos."""
    text = "\n".join(page.read_text() for page in PAGES)
    commands = re.findall(r"python train\.py ?([^`\n]*)", text)
    monkeypatch.chdir(tmp_path)
    checked = 0
    for command in commands:
        words = [
            word
            for word in words_of(command)
            if not word.lstrip("+").startswith(("hydra", "optimizer.learning_rate=int"))
        ]
        absent = [word for word in words if word.startswith(("resume=", "init=")) or "GROUP" in word or "KEY" in word]
        if absent or "--help" in words:
            continue
        check_command_line([word.replace("PATH", str(PROJECT)).replace("HOST", "localhost") for word in words])
        checked += 1
    assert checked > 20


def test_every_other_command_has_arguments_that_are_known():
    text = "\n".join(page.read_text() for page in PAGES)
    commands = re.findall(r"python -m colorize ((?:paint|evaluate|compare|export|demo|sync)\b[^`\n]*)", text)
    assert len(commands) > 12
    for command in commands:
        _, unknown = build_parser().parse_known_args(words_of(command))
        assert all("=" in word and word[0] != "-" for word in unknown), f"{command}: {unknown}"


@pytest.mark.slow
@pytest.mark.parametrize("block", HERE, ids=str)
def test_a_block_runs(block, tmp_path):
    """In a folder that has what a clone has, with what is installed already."""
    for name in ("data", "configs", "train.py"):
        os.symlink(PROJECT / name, tmp_path / name)
    lines = [line for line in block.text.splitlines() if not line.startswith("pip install")]
    script = "\n".join(" ".join(words_of(line)) if block.language == "bash" else line for line in lines)
    shell = ["bash", "-euc"] if block.language == "bash" else [sys.executable, "-c"]
    environment = os.environ | {
        "PYTHONPATH": str(PROJECT),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run([*shell, script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr and list(tmp_path.rglob("*.[jp][pn]g")), "something was painted"


def test_every_test_that_a_page_names_is_there():
    text = "\n".join(page.read_text() for page in PAGES)
    named = set(re.findall(r"`(test_\w+)`", text))
    files = (PROJECT / "tests").rglob("test_*.py")
    defined = {name for file in files for name in re.findall(r"(?m)^def (test_\w+)", file.read_text())}
    assert len(named) > 20 and named <= defined


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_is_there(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)", page.read_text())
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not missing
