"""`python -m colorize sync OUTPUT`: what a run logged and MLflow has not got yet is delivered now."""

from dataclasses import dataclass
from pathlib import Path

from colorize import run_folder
from colorize.errors import UserError
from colorize.progress import progress
from colorize.run_folder import TRACKING
from colorize.tracking.delivery import Delivery, is_permanent
from colorize.tracking.journal import JOURNAL, Journal
from colorize.tracking.place import default_uri, first_line
from colorize.tracking.sender import Marks


@dataclass(frozen=True)
class Synced:
    """What a delivery came to.

    Attributes:
        uri, run_id: where the run is now.
        delivered: records that were brought there this time.
        refused: those that MLflow will never take, each with its reason.
    """

    uri: str
    run_id: str | None
    delivered: int
    refused: list[str]


def sync(output: Path, uri: str | None = None) -> Synced:
    """Delivers what is left of the journal of a run.

    Args:
        output: its output folder.
        uri: of the MLflow; None: the one that the run was to be logged to.
    Raises:
        UserError: nothing was logged there, the run still goes on, or MLflow does not answer; what was delivered until
            then is remembered.
    """
    if not (output / TRACKING / JOURNAL).is_file():
        raise UserError(
            f"{output} has no {TRACKING}/{JOURNAL}: it is no output folder, or was trained with tracking=off"
        )
    if run_folder.is_in_use(output):
        raise UserError(f"the run in {output} still goes on, and delivers by itself")
    journal = Journal(output / TRACKING)
    uri = uri or _uri_of(output)
    marks = Marks(journal.folder, uri)
    records = journal.records(marks.records)
    delivery = Delivery(uri, output, journal.run_key, marks.run_id)
    refused: list[str] = []
    with progress(f"delivering to {uri}", len(records)) as advance:
        for record in records:
            _deliver(delivery, record, refused, f"{len(records)} records of {output}")
            marks.records, marks.run_id = marks.records + 1, delivery.run_id
            marks.save()
            advance()
    return Synced(uri, marks.run_id, len(records) - len(refused), refused)


def _deliver(delivery: Delivery, record: dict, refused: list[str], what: str) -> None:
    try:
        delivery.deliver(record)
    except Exception as error:  # of whatever kind MLflow likes
        if not is_permanent(error):
            raise UserError(
                f"{what} are not all delivered: MLflow at {delivery.uri} does not answer: {first_line(error)}."
                " Nothing is lost: start it, or name another with --tracking URI, and run this command again"
            ) from None
        refused.append(first_line(error))


def _uri_of(output: Path) -> str:
    """The address in the configuration of the run; where it has none, the one by default."""
    config = run_folder.load_config(output)
    return getattr(config.tracking, "uri", None) or default_uri()
