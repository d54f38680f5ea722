"""Two runs on one machine take different cards; here the cards are files."""

import os
import subprocess
import sys

import pytest

from colorize.distribution import cards

pytestmark = pytest.mark.once

PROGRAM = """
import os, sys
from colorize.distribution import cards
cards.CARDS = sys.argv[1]
cards.take_cards(int(sys.argv[2]) if sys.argv[2].isdigit() else sys.argv[2])
print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path):
    """Starts a run that takes cards, and says what it sees; it ends with the test."""
    started = []
    for number in range(4):
        (tmp_path / f"nvidia{number}").touch()

    def start(number, visible=None):
        environment = {key: value for key, value in os.environ.items() if key != cards.VISIBLE}
        environment |= {"TMPDIR": str(tmp_path)} | ({cards.VISIBLE: visible} if visible else {})
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path / "nvidia*"), str(number)], **pipes)
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.communicate("")


def test_each_run_takes_cards_that_no_other_has(run):
    first, seen = run(1)
    assert seen == "0"
    assert run(2)[1] == "1,2"
    assert run(1, visible="0,3")[1] == "3", "of those that it may see"
    first.kill()
    first.wait()
    assert run(1)[1] == "0", "a run that is killed gives its card back"


def test_where_too_few_are_free_a_card_is_shared(run):
    run(3)
    process, said = run(2)
    assert said.startswith("1 of 4 cards are free") and process.stdout.readline() == "None\n"


def test_who_takes_all_takes_them_too(run):
    assert run("all")[1] == "None"
    assert run(1)[1].startswith("0 of 4 cards are free")


def test_a_run_with_one_visible_card_has_it(run):
    assert run(1, visible="0")[1] == "0" and run(1)[1] == "1"
    assert run("all", visible="2,3")[1] == "2,3" and run(1)[1].startswith("0 of 4")


def test_more_than_there_are_is_left_to_the_backend(run):
    assert run(5)[1] == "None" and run(1)[1] == "0"
