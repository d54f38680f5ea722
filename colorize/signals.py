"""Ending a run cleanly on SIGINT and SIGTERM."""

import signal
import sys
import threading
from types import FrameType, TracebackType

RETRY = 0.05
"""Seconds after which a signal that came within an import is delivered again."""


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
    signal raises at once, whatever is going on, but for imports: an exception between two statements of Python's import
    system can leave its lock taken for good, and the next import of any other thread waits for ever.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self):
        self.received: int | None = None
        self.deferred = False
        self._previous = {}
        self._again: threading.Timer | None = None

    def __enter__(self) -> "StopSignals":
        self._previous = {number: signal.signal(number, self._handle) for number in self.SIGNALS}
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._again:
            self._again.cancel()
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if isinstance(error, Stopped):
            print(f"stopped by {error.signal.name}; {error.left}", file=sys.stderr)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        repeated = self.received is not None and self._again is None
        self.received, self._again = number, None
        if self.deferred and not repeated:
            return
        if _importing(frame):
            self._again = threading.Timer(RETRY, signal.pthread_kill, (threading.main_thread().ident, number))
            self._again.daemon = True
            self._again.start()
            return
        raise Stopped(number)

    def raise_if_received(self) -> None:
        """Ends a deferral: raises `Stopped` where a signal came in the meantime."""
        self.deferred = False
        if self.received is not None:
            raise Stopped(self.received)


def _importing(frame: FrameType | None) -> bool:
    """Whether Python's import system is at work somewhere above."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
