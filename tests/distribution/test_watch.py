"""The line between processes: two ends of it in this one."""

import socket
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from queue import SimpleQueue

import pytest

from colorize.distribution import watch
from colorize.distribution.processes import Processes
from colorize.distribution.watch import GONE, Watch
from colorize.errors import UserError

pytestmark = pytest.mark.once


@dataclass(frozen=True)
class OnOneMachine(Processes):
    """One of two, which need no JAX to tell each other something."""

    told: SimpleQueue = field(default_factory=SimpleQueue)

    def first(self, value):
        """What the first one says."""
        if not self.is_first:
            return self.told.get(timeout=10)
        self.told.put(value)
        return value


class Ends:
    """Both ends of a line, and what has become of them."""

    def __init__(self):
        self.measured, self.noted, self.exits = [], [], SimpleQueue()
        told: SimpleQueue = SimpleQueue()
        self.both = [
            Watch(OnOneMachine("127.0.0.1:1", 2, number, told), lambda: self.noted.append(1), self._measured)
            for number in (0, 1)
        ]

    def _measured(self, process, values):
        self.measured.append((process, values))

    def __enter__(self):
        """Connects them."""
        self.stack = ExitStack()
        other = threading.Thread(target=self.both[1].__enter__)
        other.start()
        self.both[0].__enter__()
        other.join()
        return self

    def __exit__(self, *error):
        """Nothing: a test leaves each by itself."""

    def leave(self, number, error=None):
        """In a thread, as each has a process of its own."""
        thread = threading.Thread(target=self.both[number].__exit__, args=(type(error), error, None))
        thread.start()
        return thread


@pytest.fixture
def ends(monkeypatch):
    with Ends() as ends:
        monkeypatch.setattr(watch.os, "_exit", ends.exits.put)
        monkeypatch.setattr(watch.atexit, "register", lambda leave, status: ends.exits.put(("leaves", status)))
        yield ends


def test_each_ends_when_it_is_ready_after_the_last_step(ends, capsys):
    ends.both[1].tell({"system/cpu": 0.5})
    for end in ends.both:
        end.release()
    other = ends.leave(1)
    other.join(0.2)
    assert other.is_alive(), "the first one is not done, and its JAX is needed"
    ends.leave(0).join(10)
    other.join(10)
    assert not other.is_alive() and ends.measured == [(1, {"system/cpu": 0.5})]
    assert ends.exits.empty() and not ends.noted and capsys.readouterr().err == ""


@pytest.mark.parametrize("gone, who", [(0, "the first process"), (1, "process 1, on ")])
def test_one_that_is_gone_ends_the_other(ends, capsys, gone, who):
    ends.both[gone]._is_over.set()
    for line in ends.both[gone]._lines:
        line.shutdown(socket.SHUT_RDWR)
    assert ends.exits.get(timeout=10) == GONE
    assert ends.noted == [1] and capsys.readouterr().err.startswith(f"{who}")


def test_a_mistake_of_all_ends_each_with_its_own_words(ends, capsys):
    for thread in [ends.leave(number, UserError("the same")) for number in (0, 1)]:
        thread.join(10)
    assert [ends.exits.get(timeout=10) for _ in range(2)] == [("leaves", 2), ("leaves", 2)]
    assert not ends.noted and capsys.readouterr().err == ""


def test_a_mistake_of_one_ends_the_other_after_a_while(ends, capsys, monkeypatch):
    monkeypatch.setattr(watch, "SAME_MISTAKE", 0.2)
    ends.leave(1, UserError("its own")).join(10)
    assert ends.exits.get(timeout=10) == ("leaves", 2)
    assert ends.exits.get(timeout=10) == GONE
    assert "process 1, on " in capsys.readouterr().err


def test_alone_nobody_listens():
    with Watch(Processes(), pytest.fail, pytest.fail) as alone:
        alone.tell({"system/cpu": 1.0})
        alone.release()
    assert alone._lines == []
