"""Ending a run cleanly on SIGINT, SIGTERM, and SIGHUP, which comes when a connection is lost."""

import signal
import sys
from types import FrameType, TracebackType
from typing import Any

RETRY = 0.05
"""Seconds after which a signal that came within an import is looked at again."""

CALLED_BY_PYTHON = ("__del__", "_xla_gc_callback")
"""Functions whose exceptions Python prints and forgets; the second is JAX's, called at every garbage collection."""

CAN_WAIT = hasattr(signal, "setitimer")
"""Not on Windows: there a signal raises within an import too."""


class Stopped(SystemExit):
    """The run was told to stop; the exit status is 128 + the signal's number, as a shell expects."""

    left = "nothing was trained yet"
    """What there is of the run, for the last line on the screen."""

    def __init__(self, number: int):
        super().__init__(128 + number)
        self.signal = signal.Signals(number)


class StopSignals:
    """Within the context, the first signal raises `Stopped`; while `deferred`, it is noted for later instead.

    The end of the context says in one line what ended the run.

    Training defers: an exception between two statements of a step could leave half of the weights changed. A second
    signal raises all the same, whatever is going on. Either waits for the end of an import: an exception between two
    statements of Python's import system can leave its lock taken for good, and the next import of any other thread
    waits for ever. Either waits for the end of a clean-up, in which an exception would be lost.
    """

    SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

    def __init__(self):
        self.received: int | None = None
        self.deferred = False
        self._repeated = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignals":
        heard = [number for number in self.SIGNALS if not _is_nohup(number)]
        self._previous = {number: signal.signal(number, self._handle) for number in heard}
        if CAN_WAIT:
            self._previous[signal.SIGALRM] = signal.signal(signal.SIGALRM, lambda _, frame: self._raise(frame))
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        waiting = _disarm()
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        stopped: BaseException | None = error
        if waiting and error is None and self.received is not None:  # it came within an import just before the end
            stopped = Stopped(self.received)
        if isinstance(stopped, Stopped):
            print(f"stopped by {stopped.signal.name}; {stopped.left}", file=sys.stderr)
        if stopped is not None and stopped is not error:
            raise stopped

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._repeated = self.received is not None
        self.received = number
        self._raise(frame)

    def _raise(self, frame: FrameType | None) -> None:
        if self.deferred and not self._repeated:
            return
        if CAN_WAIT and _must_wait(frame):
            signal.setitimer(signal.ITIMER_REAL, RETRY)
            return
        if self.received is not None:
            raise Stopped(self.received)

    def raise_if_received(self) -> None:
        """Ends a deferral: raises `Stopped` where a signal came in the meantime."""
        _disarm()
        self.deferred = False
        if self.received is not None:
            raise Stopped(self.received)


def _is_nohup(number: signal.Signals) -> bool:
    """Whether it is a SIGHUP that whoever started the program wants to be ignored."""
    return number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN


def _disarm() -> bool:
    """Whether a signal was waiting for the end of an import."""
    return CAN_WAIT and signal.setitimer(signal.ITIMER_REAL, 0)[0] > 0


def _must_wait(frame: FrameType | None) -> bool:
    """Whether Python's import system, or a clean-up that Python calls by itself, is at work somewhere above."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib") or frame.f_code.co_name in CALLED_BY_PYTHON:
            return True
        frame = frame.f_back
    return False
