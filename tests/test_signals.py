"""Signals to this process, at moments that matter."""

import os
import signal
import sys
import threading
import time

import pytest

from colorize.signals import Stopped, StopSignals

STOPS_ITSELF = """
import os, signal, time
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(0.2)  # the signal is delivered again, and again
whole = True
"""


@pytest.fixture
def slow_module(tmp_path, monkeypatch):
    """The name of a module that sends SIGTERM to its process while it is imported."""
    (tmp_path / "stops_itself.py").write_text(STOPS_ITSELF)
    monkeypatch.syspath_prepend(tmp_path)
    yield "stops_itself"
    sys.modules.pop("stops_itself", None)


def until_stopped(seconds=10):
    """Waits in small steps, as a program at work does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_signal_within_an_import_waits_for_its_end(slow_module, capsys):
    with pytest.raises(Stopped) as stopped, StopSignals():
        __import__(slow_module)
        until_stopped()
    assert sys.modules[slow_module].whole
    assert stopped.value.code == 143 and "stopped by SIGTERM" in capsys.readouterr().err
    sys.modules.pop("colorsys", None)
    elsewhere = threading.Thread(target=__import__, args=("colorsys",), daemon=True)
    elsewhere.start()
    elsewhere.join(10)
    assert not elsewhere.is_alive(), "the import system is free"


def test_a_signal_within_an_import_is_no_second_one_for_training(slow_module):
    with StopSignals() as signals:
        __import__(slow_module)
        signals.deferred = True
        time.sleep(0.2)  # comes again: noted, as the first signal of a training is
        assert signals.received == signal.SIGTERM
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGTERM)
            until_stopped()


def test_training_notes_the_first_signal_and_the_second_ends_it():
    with StopSignals() as signals:
        signals.deferred = True
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        assert signals.received == signal.SIGINT
        with pytest.raises(Stopped) as stopped:
            os.kill(os.getpid(), signal.SIGTERM)
            until_stopped()
    assert stopped.value.code == 143
    with pytest.raises(Stopped), StopSignals() as signals:
        signals.deferred = True
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        signals.raise_if_received()
