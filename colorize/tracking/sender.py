"""The thread that brings a journal into MLflow while the training goes on, and never holds it up."""

import queue
import sys
import threading
import time
from contextlib import suppress

from colorize.tracking.delivery import Delivery, is_refusal
from colorize.tracking.journal import Journal, Marks
from colorize.tracking.uri import is_server, reason_of

QUEUED = 1000
"""Records that wait in memory; others are read from the journal when their turn comes."""

AT_MOST = 5
"""Times the patience that is waited in all, where MLflow answers slowly."""

MODEL_SECONDS = 60.0
"""What a model may take, which is many files, of an MLflow that has answered so far."""

PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before the next try, the first, second, ... time that MLflow does not answer."""


class Sender:
    """Delivers the records of a journal in their order, in a thread of its own.

    Attributes:
        refusals: why MLflow refused some.
        reason: why MLflow did not answer the last time; empty while it does.
    """

    def __init__(self, journal: Journal, delivery: Delivery):
        self.journal, self.delivery = journal, delivery
        self.marks = Marks(journal.folder, delivery.uri)
        delivery.run_id = self.marks.run_id
        self.marks.records = min(self.marks.records, journal.count)
        self.refusals: list[str] = []
        self.reason, self.first_reason = "", ""
        self._queue: queue.Queue = queue.Queue(QUEUED)
        self._held: dict | None = None
        self._is_checked, self._done, self._saved, self._tries = False, False, 0.0, 0
        self._under_way = ""  # the kind of record
        self._waited, self._silent_at = 0.0, -1  # seconds in `wait`; where it was given up for lack of an answer
        self._ending = threading.Event()
        self._moved = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="mlflow", daemon=True)

    @property
    def delivered(self) -> int:
        """Records that were delivered, or refused."""
        return self.marks.records

    def start(self) -> None:
        """Begins with what an earlier process has left, if anything."""
        self._thread.start()

    def put(self, number: int, record: dict) -> None:
        """Queues a record; one for which there is no room is read from the journal later."""
        with suppress(queue.Full):
            self._queue.put_nowait((number, record))

    def wait(self, patience: float, until: int) -> bool:
        """Waits until so many records are delivered; gives up after `patience` seconds in which none was, after
        `AT_MOST` times as many in all (of all calls), and at once where MLflow is known not to answer."""
        start = time.monotonic()
        deadline = start + AT_MOST * patience - self._waited
        with self._moved:
            while self.delivered < until and not (self._done or self.reason or self.delivered == self._silent_at):
                more = MODEL_SECONDS if self._under_way == "model" else 0.0
                turn = time.monotonic()
                if turn > deadline + more:
                    break
                moved = self._moved.wait(patience + more)
                if not moved and (more or self._under_way != "model"):
                    self._silent_at = self.delivered
                if more:  # the time of a model is taken from no other record
                    spent = time.monotonic() - turn
                    start, deadline = start + spent, deadline + spent
        self._waited += time.monotonic() - start
        return self.delivered >= until

    def end(self, patience: float) -> None:
        """Delivers what is left, as far as `wait` has patience."""
        self.reason = ""  # worth one more try
        self._ending.set()
        self.put(0, {})  # wakes it up
        self.wait(patience, self.journal.count)

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                self._step()
            self.reason = ""
            while self.delivered < self.journal.count and not self.reason and self._step():
                pass
        finally:
            self.marks.save()
            with self._moved:
                self._done = True
                self._moved.notify_all()

    def _step(self) -> bool:
        """Delivers the next record: one that could not be delivered before; the next of the queue; or, from the
        journal, what the queue had no room for and what an earlier process has left. False where there is none."""
        if self._held is not None:
            self._try(self._held)
            return True
        is_behind = self.delivered < self.journal.count
        with suppress(queue.Empty):
            number, record = self._queue.get(timeout=0.0 if is_behind else 1.0)
            if number == self.delivered + 1:
                self._try(record)
            return True
        if not is_behind:
            return False
        records = self.journal.records(self.delivered)
        for record in records:
            self._try(record)
            if self.reason or not self._is_checked:
                break
        if not records:  # they are on no disk, since it is full
            self._ending.wait(1.0)
        return bool(records)

    def _try(self, record: dict) -> None:
        """Delivers a record; where MLflow does not answer, holds it, and pauses."""
        is_refused = False
        try:
            if not self._is_checked and self.delivery.is_gone():
                self.marks.reset()
                return
            self._is_checked, self._under_way = True, record["kind"]
            self.delivery.deliver(record)
        except Exception as error:  # of whatever kind: a training is worth more than its log
            is_refused = is_refusal(error)
            if not is_refused:
                self._held = record
                self._pause(reason_of(error))
                return
            self.refusals.append(reason_of(error))
        self._held = None
        self._tell_of_return()
        self.marks.note(self.delivered + 1, self.delivery.run_id, is_refused)
        with self._moved:
            self._moved.notify_all()
        if time.monotonic() - self._saved > 1.0:
            self._saved = time.monotonic()
            self.marks.save()

    def _pause(self, reason: str) -> None:
        """Holds on; says so, but not of a database that cannot even be opened: `tracker.start` does."""
        self.first_reason = self.first_reason or reason
        if not self.reason and not self._ending.is_set() and (self._is_checked or is_server(self.delivery.uri)):
            print(
                f"MLflow at {self.delivery.uri} does not answer: {reason}. Training goes on; what is logged is kept in"
                f" {self.journal.folder} and delivered when it answers again",
                file=sys.stderr,
            )
        self.reason = reason
        with self._moved:
            self._moved.notify_all()
        self._ending.wait(PAUSES[min(self._tries, len(PAUSES) - 1)])
        self._tries += 1

    def _tell_of_return(self) -> None:
        if self.reason:
            print(f"MLflow at {self.delivery.uri} answers again", file=sys.stderr)
        self.reason, self._tries = "", 0
