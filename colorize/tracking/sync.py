"""`python -m colorize sync OUTPUT`: what a run logged and MLflow has not got yet is delivered now."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from colorize.console import progress
from colorize.errors import UserError
from colorize.runs import layout
from colorize.runs.layout import TRACKING
from colorize.tracking.database import check_database
from colorize.tracking.delivery import Delivery, is_refusal
from colorize.tracking.journal import JOURNAL, Journal, Marks
from colorize.tracking.uri import reason_of, uri_of


@dataclass(frozen=True)
class Synced:
    """What a delivery came to.

    Attributes:
        uri, run_id: where the run is now.
        delivered: records that were brought there this time.
        refused: why MLflow refused some.
    """

    uri: str
    run_id: str | None
    delivered: int
    refused: list[str]


def sync(output: Path, uri: str | None = None) -> Synced:
    """Delivers what is left of the journal of a run, and what was refused before.

    Args:
        output: its output folder.
        uri: of the MLflow; None: that of the run's configuration, else the one by default.
    Raises:
        UserError: nothing was logged there, the run still goes on, or MLflow does not answer; what was delivered until
            then is remembered.
    """
    if not (output / TRACKING / JOURNAL).is_file():
        raise UserError(f"{output} has no {TRACKING}/{JOURNAL}: no output folder, or trained with tracking=off")
    try:
        with layout.locked(output):
            return _Sync(output, uri or uri_of(layout.load_config(output))).run()
    except layout.InUse:
        raise UserError(f"the run in {output} still goes on, and delivers by itself") from None


class _Sync:
    def __init__(self, output: Path, uri: str):
        self.output, self.journal = output, Journal(output / TRACKING)
        self.marks = Marks(self.journal.folder, uri)
        check_database(uri)
        self.delivery = Delivery(uri, output, self.journal.run_key, self.marks.run_id)
        self.refusals: list[str] = []

    def run(self) -> Synced:
        if self._ask(self.delivery.is_gone):
            self.marks.reset()
        records = list(enumerate(self.journal.records(), start=1))
        left = [pair for pair in records if pair[0] in self.marks.refused or pair[0] > self.marks.records]
        with progress(f"delivering to {self.delivery.uri}", len(left)) as advance:
            for number, record in left:
                self._deliver(number, record)
                advance()
        done = len(left) - len(self.refusals)
        return Synced(self.delivery.uri, self.marks.run_id, done, self.refusals)

    def _deliver(self, number: int, record: dict) -> None:
        is_taken = self._ask(lambda: self._taken(record))
        self.marks.note(number, self.delivery.run_id, not is_taken)
        self.marks.save()

    def _taken(self, record: dict) -> bool:
        self.delivery.deliver(record)
        return True

    def _ask(self, call: Callable[[], bool]) -> bool:
        """What MLflow answers; False where it refuses."""
        try:
            return call()
        except Exception as error:  # of whatever kind MLflow likes
            if not is_refusal(error):
                raise UserError(
                    f"{self.output} is not wholly delivered: MLflow at {self.delivery.uri} does not answer:"
                    f" {reason_of(error)}. Nothing is lost: start it, or name another with --tracking URI, and run"
                    " this command again"
                ) from None
            self.refusals.append(reason_of(error))
            return False
