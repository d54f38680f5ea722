"""Tests lie as the code does: tests/ROOM/test_MODULE.py tests colorize/ROOM/MODULE.py."""

from pathlib import Path

import pytest

from colorize.config.base import PACKAGE

pytestmark = pytest.mark.once

TESTS = Path(__file__).parent
NO_ROOMS = {"helpers", "process", "docs", "ui", "reference", "benchmarks"}
"""What tests share, tests of whole processes, pages and browsers, numbers to compare with, and measurements."""

NO_MODULES = {
    "test_layout.py": "tests are not code of ours",
    "test_messages.py": "of tests/messages.yaml",
    "test_packaging.py": "of pyproject.toml",
    "models/fusion/test_fusions.py": "what every fusion keeps, with every encoder",
    "training/test_reference_losses.py": "numbers of whole trainings against those in tests/reference",
}
"""Files of tests that are about no single module, and why."""

FILES = {str(path.relative_to(TESTS)): path for path in sorted(TESTS.rglob("test_*.py"))}


def test_every_folder_of_tests_is_a_package_of_colorize():
    folders = {path.parent.relative_to(TESTS) for path in FILES.values()}
    rooms = [folder for folder in folders if folder.parts and folder.parts[0] not in NO_ROOMS]
    assert len(rooms) > 10
    assert [room for room in rooms if not (PACKAGE / room / "__init__.py").is_file()] == []


@pytest.mark.parametrize("name", [name for name in FILES if Path(name).parts[0] not in NO_ROOMS])
def test_every_file_of_tests_is_called_after_a_module(name):
    module = PACKAGE / name.replace("test_", "")
    assert (name in NO_MODULES) != module.is_file()


def test_the_exceptions_are_there():
    assert NO_MODULES.keys() <= FILES.keys()
