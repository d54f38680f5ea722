"""Signals to this process, at moments that matter."""

import os
import signal
import sys
import time
import weakref

import pytest
from messages import assert_wording

from colorize.training.signals import Stopped, StopSignals

pytestmark = pytest.mark.once

STOPS_ITSELF = """
import os, signal, time
for _ in range({signals}):
    os.kill(os.getpid(), signal.SIGTERM)
time.sleep({seconds})
whole = True
"""


@pytest.fixture
def slow_module(tmp_path, monkeypatch):
    """Makes a module that sends SIGTERM to its process while it is imported: its name."""

    def make(signals=1, seconds=0.17):  # no multiple of the time between two looks
        (tmp_path / "stops_itself.py").write_text(STOPS_ITSELF.format(signals=signals, seconds=seconds))
        return "stops_itself"

    monkeypatch.syspath_prepend(tmp_path)
    yield make
    sys.modules.pop("stops_itself", None)


def until(seconds):
    """Waits in small steps, as a program at work does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.01)


def until_stopped():
    """Waits for an exception, and fails without one."""
    until(10)
    pytest.fail("no signal came")


@pytest.mark.parametrize("signals", [1, 2])
def test_a_signal_within_an_import_waits_for_its_end_and_comes_once(signals, slow_module, capsys):
    name, cleaned_up = slow_module(signals), []
    with pytest.raises(Stopped) as stopped, StopSignals():
        try:
            __import__(name)
            until_stopped()
        finally:
            until(0.2)
            cleaned_up.append("whole")
    assert sys.modules[name].whole and cleaned_up == ["whole"]
    assert stopped.value.code == 143
    assert_wording("signals.stopped", capsys.readouterr().err)


def test_a_signal_within_an_import_is_no_second_one_for_training(slow_module):
    with StopSignals() as signals:
        __import__(slow_module())
        signals.deferred = True
        until(0.2)  # it is looked at again: noted, as the first signal of a training is
        assert signals.received == signal.SIGTERM and signal.getitimer(signal.ITIMER_REAL)[0] == 0
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGTERM)
            until_stopped()


def test_a_second_signal_within_an_import_ends_training(slow_module):
    with pytest.raises(Stopped), StopSignals() as signals:
        signals.deferred = True
        __import__(slow_module(signals=2))
        until_stopped()
    assert sys.modules["stops_itself"].whole


def test_a_signal_within_the_last_import_is_not_lost(slow_module, capsys):
    with pytest.raises(Stopped), StopSignals():
        __import__(slow_module(seconds=0))
    assert_wording("signals.stopped", capsys.readouterr().err)


def test_a_signal_within_a_clean_up_that_python_calls_is_not_lost():
    class Cleaned:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)
            until(0.1)

    with pytest.raises(Stopped), StopSignals():
        Cleaned()  # gone at once
        until_stopped()


@pytest.fixture
def fragile():
    """Calls a function from within the backend, as its C code does: in a frame of its package."""
    place = {"__name__": "tensorflow.python.within"}
    exec("def call(function, *arguments):\n    return function(*arguments)", place)
    return place["call"]


def test_a_signal_within_the_backend_waits_until_it_is_left(fragile):
    ended = []

    def interrupted():
        os.kill(os.getpid(), signal.SIGTERM)
        until(0.1)
        ended.append("whole")

    with pytest.raises(Stopped), StopSignals():
        fragile(interrupted)
        until_stopped()
    assert ended == ["whole"]
    with pytest.raises(Stopped), StopSignals() as signals:
        fragile(interrupted)
        signals.raise_if_received()  # at once
        pytest.fail("it waits on")


def test_a_second_signal_ends_a_backend_that_does_not_return(fragile):
    def hangs():
        os.kill(os.getpid(), signal.SIGTERM)
        until(0.1)
        os.kill(os.getpid(), signal.SIGTERM)
        until_stopped()

    with pytest.raises(Stopped), StopSignals():
        fragile(hangs)


def test_a_signal_while_a_weak_reference_is_cleared_is_not_lost():
    place = {"__name__": "weakref", "stop": lambda: (os.kill(os.getpid(), signal.SIGTERM), until(0.1))}
    exec("def remove(_):\n    stop()", place)
    gone = set()
    reference = weakref.ref(gone, place["remove"])
    with pytest.raises(Stopped), StopSignals():
        del gone
        until_stopped()
    assert reference() is None


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


def test_a_lost_connection_ends_a_run_cleanly():
    with pytest.raises(Stopped) as stopped, StopSignals():
        os.kill(os.getpid(), signal.SIGHUP)
    assert stopped.value.signal is signal.SIGHUP and stopped.value.code == 128 + signal.SIGHUP


def test_a_program_that_was_told_to_outlive_its_connection_does():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with StopSignals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
        assert signals.received is None and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_launcher_gets_its_signal_after_the_run_has_ended_cleanly(capsys):
    """As submitit, whose handler queues the job again and ends the process."""
    order = []

    def queue_again(number, frame):
        order.append(number)
        raise SystemExit(-1)

    before = signal.signal(signal.SIGUSR2, queue_again)
    try:
        with pytest.raises(SystemExit) as ended, StopSignals() as signals:
            signals.deferred = True
            signal.raise_signal(signal.SIGUSR2)
            order.append("saved")
            signals.raise_if_received()
        assert order == ["saved", signal.SIGUSR2] and ended.value.code == -1
        assert capsys.readouterr().err.startswith("stopped by SIGUSR2; ")
        assert signal.getsignal(signal.SIGUSR2) is queue_again
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_what_no_launcher_waits_for_is_not_heard():
    before = signal.getsignal(signal.SIGUSR2)
    assert not callable(before)
    with StopSignals():
        assert signal.getsignal(signal.SIGUSR2) is before
