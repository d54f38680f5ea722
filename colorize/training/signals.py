"""Ending a run cleanly: on SIGINT, SIGTERM, SIGHUP, which comes when a connection is lost, and a launcher's signal."""

import signal
import sys
from types import FrameType, TracebackType
from typing import Any

RETRY = 0.01
"""Seconds after which a signal that came at a bad moment is looked at again."""

CALLED_BY_PYTHON = ("__del__", "_xla_gc_callback")
"""Functions whose exceptions Python prints and forgets; the second is JAX's, called at every garbage collection."""
CALLED_BY_WEAKREF = ("weakref", "_weakrefset")
"""Modules whose functions are called where an object goes, and their exceptions forgotten too."""
FRAGILE = ("tensorflow", "keras", "jax", "jaxlib", "sqlalchemy")
"""Packages with C code that calls Python and crashes the process, or forgets the exception, where that raises."""

OF_LAUNCHERS = tuple(getattr(signal, name) for name in ("SIGUSR2",) if hasattr(signal, name))
"""Signals that are ours only where somebody else waits for them."""

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

    SIGUSR2 is heard where a launcher of Hydra's has asked for it, as submitit does for a job whose time is almost over:
    the run ends in the same way, and then the launcher gets its signal, and queues the job again.

    Training defers: an exception between two statements of a step could leave half of the weights changed. A second
    signal raises all the same, whatever is going on. Either waits for the end of an import: an exception between two
    statements of Python's import system can leave its lock taken for good, and the next import of any other thread
    waits for ever. Either waits for the end of a clean-up, in which an exception would be lost. The first also waits
    until the backend is left (`FRAGILE`); `raise_if_received` between two stages makes sure that this moment comes.
    """

    SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

    def __init__(self):
        self.received: int | None = None
        self.deferred = False
        self._heard = self._repeated = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignals":
        heard = [number for number in self.SIGNALS if not _is_nohup(number)]
        heard += [number for number in OF_LAUNCHERS if callable(signal.getsignal(number))]
        self._previous = {number: signal.signal(number, self._handle) for number in heard}
        if CAN_WAIT:
            self._previous[signal.SIGALRM] = signal.signal(signal.SIGALRM, lambda _, frame: self._raise(frame))
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        waiting = _disarm()
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        stopped: BaseException | None = error
        if waiting and error is None and self.received is not None:  # it came at a bad moment just before the end
            stopped = Stopped(self.received)
        if isinstance(stopped, Stopped):
            print(f"stopped by {stopped.signal.name}; {stopped.left}", file=sys.stderr)
            if stopped.signal in OF_LAUNCHERS and stopped.signal in self._previous:  # not that of another process
                self._previous[stopped.signal](stopped.signal, None)
        if stopped is not None and stopped is not error:
            raise stopped

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._repeated, self._heard = self._heard, True  # what another process was told is in `received` too
        self.received = number
        self._raise(frame)

    def _raise(self, frame: FrameType | None) -> None:
        if self.deferred and not self._repeated:
            return
        if CAN_WAIT and (_must_wait(frame) or not self._repeated and _is_in_fragile(frame)):
            signal.setitimer(signal.ITIMER_REAL, RETRY)
            return
        if self.received is not None:
            raise Stopped(self.received)

    def raise_if_received(self) -> None:
        """Ends a deferral or a wait: raises `Stopped` where a signal came in the meantime."""
        _disarm()
        self.deferred = False
        if self.received is not None:
            raise Stopped(self.received)


def _is_nohup(number: signal.Signals) -> bool:
    """Whether it is a SIGHUP that whoever started the program wants to be ignored."""
    return number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN


def _disarm() -> bool:
    """Whether a signal was waiting for a better moment."""
    return CAN_WAIT and signal.setitimer(signal.ITIMER_REAL, 0)[0] > 0


def _must_wait(frame: FrameType | None) -> bool:
    """Whether Python's import system, or a clean-up that Python calls by itself, is at work somewhere above."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib") or frame.f_code.co_name in CALLED_BY_PYTHON:
            return True
        if _package(frame) in CALLED_BY_WEAKREF:
            return True
        frame = frame.f_back
    return False


def _is_in_fragile(frame: FrameType | None) -> bool:
    """Whether our code has called, directly or through others, into a package that an exception could crash."""
    while frame is not None and _package(frame) != "colorize":
        if _package(frame) in FRAGILE:
            return True
        frame = frame.f_back
    return False


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]
