"""Batches gathered ahead of time in threads, of which one may fail or hang."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue

from colorize.data.batches import Batches
from colorize.errors import UserError, listed

STOPPED = 2.0
"""Seconds that a batch is waited for by a run that was told to stop."""


class Loader:
    """Gathers batches `first`, `first` + 1, ... in threads, a few ahead, and measures how long it was waited for.

    Iterating yields `(batch,)` tuples, as `keras.Model.fit` takes them, `steps` of them. A batch is a function of its
    number: one whose gathering fails, or hangs for `patience` seconds, is gathered once more in a thread of its own.
    Where `is_stopped` says so, it is waited for no more than `STOPPED` seconds.

    The threads are daemons: one that hangs for good does not keep the program from its end.
    """

    def __init__(
        self, batches: Batches, steps: int, threads: int, ahead: int, first: int = 0, patience: float = 120,
        is_stopped: Callable[[], bool] = lambda: False,
    ):  # fmt: skip
        self.batches, self.steps, self.threads, self.ahead = batches, steps, threads, ahead
        self.first, self.patience, self.is_stopped = first, patience, is_stopped
        self.waited = 0.0
        """Seconds in which a batch was asked for and not ready, so far. On TensorFlow, whose own buffer asks early,
        an upper bound of what training waited."""
        self.error: UserError | None = None
        """Why it ended early: a backend may tell it in words of its own."""

    def __iter__(self) -> Iterator[tuple]:
        last = self.first + self.steps
        self._tasks: SimpleQueue = SimpleQueue()
        for _ in range(self.threads):
            self._start_thread()
        try:
            pending = deque(self._ask(step) for step in range(self.first, min(self.first + self.ahead, last)))
            for step in range(self.first, last):
                if step + self.ahead < last:
                    pending.append(self._ask(step + self.ahead))
                yield (self._wait_for(step, pending.popleft()),)
        finally:  # also when training stops early
            for future in pending:
                future.cancel()
            for _ in range(self.threads):
                self._tasks.put(None)

    def _start_thread(self) -> None:
        threading.Thread(target=self._work, args=(self._tasks,), name="batches", daemon=True).start()

    def _work(self, tasks: SimpleQueue) -> None:
        for step, future in iter(tasks.get, None):
            self._gather(step, future)

    def _gather(self, step: int, future: Future) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(self.batches.for_step(step))
        except BaseException as error:  # whatever it is, it is reported where the batch is waited for
            future.set_exception(error)

    def _ask(self, step: int) -> Future:
        future: Future = Future()
        self._tasks.put((step, future))
        return future

    def _wait_for(self, step: int, future: Future):
        start = time.perf_counter()
        try:
            reason = self._reason(future)
            if reason:
                if not future.done():  # a thread hangs: another takes its place
                    self._start_thread()
                future = self._once_more(step)
                reason = self._reason(future)
            if reason:
                self.error = UserError(_lost(step, reason, self.batches.names(step)))
                raise self.error
            return future.result()
        finally:
            self.waited += time.perf_counter() - start

    def _reason(self, future: Future) -> str | None:
        """Waits; why there is no batch, or None."""
        start = time.perf_counter()
        while True:
            try:
                error = future.exception(min(self.patience, STOPPED))
                break
            except TimeoutError:
                if time.perf_counter() - start >= self.patience or self.is_stopped():
                    return f"it was not there after {self.patience:g} s"
        return f"{type(error).__name__}: {error}" if error else None

    def _once_more(self, step: int) -> Future:
        """Gathers a batch in a thread of its own."""
        future: Future = Future()
        threading.Thread(target=self._gather, args=(step, future), name="batches again", daemon=True).start()
        return future


def _lost(step: int, reason: str, names: list[str]) -> str:
    return (
        f"batch {step + 1} could not be gathered, twice: {reason}. It is made of {listed(names)}. See whether their"
        " disk can be read (a slow one needs a larger trainer.batch_timeout_seconds), then go on from the last"
        " checkpoint with resume"
    )
