"""What README says to do, done: the fusion of one's own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from colorize.config.base import PROJECT
from colorize.config.compose import composed

DEFINED = re.compile(r"(?m)^def (test_\w+)")
EXAMPLE = re.compile(r"<!-- example: (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)


def test_the_fusion_of_ones_own_trains_as_it_stands(tmp_path):
    pieces = dict(EXAMPLE.findall((PROJECT / "README.md").read_text()))
    assert len(pieces) == 3
    assert len([line for text in pieces.values() for line in text.splitlines() if line.strip()]) <= 25
    for name in ("colorize", "configs"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "train.py", tmp_path)
    (tmp_path / "data").symlink_to(PROJECT / "data")
    for name, text in pieces.items():
        with open(tmp_path / name, "a") as file:
            file.write(f"\n\n{text}" if (tmp_path / name).stat().st_size else text)
    backend = f"backend={os.environ.get('KERAS_BACKEND', 'tensorflow')}"
    command = [sys.executable, "train.py", "fusion=blur", "debug=smoke", "tracking=off", "hydra.run.dir=run", backend]
    command += ["encoder.filters=[4]", "trainer.epochs=1", "trainer.strips=0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = (tmp_path / "run" / "shapes.txt").read_text()
    assert "blur_mean" in report and (tmp_path / "run" / "result.json").exists()


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
