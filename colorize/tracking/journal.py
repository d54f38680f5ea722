"""The journal of a run: what is to be logged, on disk in the output folder before it is sent anywhere.

A line of `journal.jsonl` is a record, {"kind": ..., "time": milliseconds, ...}, and its number is that of its line.
Lines are only ever added. Pictures lie beside it as files. The kinds, and what becomes of them: `delivery`.
"""

import json
import os
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path

from colorize.runs.atomic import WriteErrors, partial_of

JOURNAL = "journal.jsonl"

MOST_IN_MEMORY = 10_000
"""Records that wait where the disk is full; of more, the oldest are lost to the journal."""


class Journal:
    """The journal in a folder; what is there already is kept.

    Args:
        folder: made with the first record.
    Attributes:
        count: records so far.
        run_key: the run's name before any server has given it one.
    """

    def __init__(self, folder: Path):
        self.folder, self.path = folder, folder / JOURNAL
        records = self.records()
        self.count = len(records)
        self.run_key = next((str(r.get("key")) for r in records if r["kind"] == "start"), uuid.uuid4().hex)
        self._known: set[tuple] = set()
        for record in records:
            if record["kind"] == "forget":
                self._known.clear()
            self._known |= _points(record)
        self._write_errors, self._lock = WriteErrors(), threading.Lock()
        self._unwritten: list[bytes] = []
        self._end: int | None = None

    def last_step(self, prefix: str) -> int:
        """The last step of the metrics of some section in what was there already; -1 where there is none."""
        steps = [step for _, key, step in self._known if key.startswith(prefix) and step is not None]
        return max(steps, default=-1)

    def records(self, after: int = 0) -> list[dict]:
        """Records on disk, from number `after` on; half a line, of a process that was killed, is none."""
        if not self.path.exists():
            return []
        lines = self.path.read_bytes().split(b"\n")[:-1]
        return [_record(line) for line in lines[after:]]

    def add(self, kind: str, **values) -> tuple[int, dict] | None:
        """Writes a record down: its number and itself.

        None where an earlier process has logged the same of the same step: a run that goes on from a checkpoint does
        some steps again. A disk that is full is no reason to stop: the record is written with a later one.
        """
        with self._lock:
            record = {"kind": kind, "time": time.time_ns() // 1_000_000, **values}
            if kind == "metrics":
                step = values["step"]
                record["values"] = {k: v for k, v in values["values"].items() if (kind, k, step) not in self._known}
            points = _points(record)
            if kind == "metrics" and not points or kind == "picture" and points <= self._known:
                return None
            self._unwritten = [*self._unwritten, json.dumps(record).encode() + b"\n"][-MOST_IN_MEMORY:]
            with self._write_errors.tolerate("the journal of what is logged"):
                self._write()
            self.count += 1
            return self.count, record

    def _write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.path, "r+b" if self.path.exists() else "w+b", buffering=0) as file:
            if self._end is None:  # half a line, of a process that was killed, is cut off
                self._end = file.read().rfind(b"\n") + 1
            file.seek(self._end)
            data = b"".join(self._unwritten)
            try:
                written = file.write(data)
                if written < len(data):
                    raise OSError(28, os.strerror(28))
            except OSError:
                file.truncate(self._end)
                raise
            file.truncate()
        self._end += len(data)
        self._unwritten = []

    def secure(self) -> None:
        """Syncs it to the disk: before a checkpoint, which must not know more than the journal."""
        with self._lock, self._write_errors.tolerate("the journal of what is logged"):
            if self._unwritten:
                self._write()
            if self.path.exists():
                with open(self.path, "rb") as file:
                    os.fsync(file.fileno())

    def forget(self) -> None:
        """What follows repeats nothing: another course is taken than before. Noted, for who goes on after us."""
        with self._lock:
            self._known = set()
        self.add("forget")


def _record(line: bytes) -> dict:
    """A line, or what stands for one that a loss of power, or somebody, has damaged."""
    try:
        record = json.loads(line)
        return record if isinstance(record["kind"], str) and isinstance(record["time"], int) else DAMAGED
    except (ValueError, TypeError, KeyError):
        return DAMAGED


DAMAGED = {"kind": "damaged", "time": 0}


def _points(record: dict) -> set[tuple]:
    """What a record says of which step."""
    step = record.get("step")
    if record["kind"] == "metrics":
        return {("metrics", key, step) for key in record.get("values", ())}
    return {("picture", record.get("key"), step)} if record["kind"] == "picture" else set()


MARKS = "delivered.json"
"""Says of each MLflow, by its address, how many records it has got and in which run. It may lag behind the truth, which
does no harm, and never runs ahead of it."""


class Marks:
    """What is known of the deliveries of a journal to one MLflow.

    Attributes:
        records: how many were delivered, or refused.
        refused: the numbers of those that were refused, for another try.
        run_id: of the run there.
    """

    def __init__(self, folder: Path, uri: str):
        self.path, self.uri = folder / MARKS, uri
        try:
            self._all = json.loads(self.path.read_text(encoding="utf-8"))
            mark = self._all.get(uri, {})
            self.records, self.run_id = int(mark.get("records", 0)), mark.get("run_id")
            self.refused = [int(number) for number in mark.get("refused", [])]
        except (OSError, ValueError, AttributeError, TypeError):  # none yet, or damaged: all is delivered once more
            self._all = {}
            self.reset()

    def reset(self) -> None:
        """Nothing was delivered."""
        self.records, self.run_id, self.refused = 0, None, []

    def note(self, number: int, run_id: str | None, is_refused: bool) -> None:
        """What became of a record."""
        self.refused = [other for other in self.refused if other != number] + [number] * is_refused
        self.records, self.run_id = max(self.records, number), run_id

    def save(self) -> None:
        """Writes them, whole; without a sync, since it does no harm if they are lost."""
        self._all[self.uri] = {"records": self.records, "refused": self.refused, "run_id": self.run_id}
        partial = partial_of(self.path)
        with suppress(OSError):
            partial.write_text(json.dumps(self._all) + "\n", encoding="utf-8")
            os.replace(partial, self.path)
