"""Which tracker a process gets."""

from collections.abc import Callable
from pathlib import Path

from colorize.config.schema import Config
from colorize.config.training import MlflowTracking
from colorize.tracking.database import check_database
from colorize.tracking.system import SystemMetrics
from colorize.tracking.tracker import MlflowTracker, Tracker
from colorize.tracking.uri import uri_of


def open_tracker(config: Config, output: Path, parent: str | None = None, is_first: bool = True) -> Tracker:
    """The tracker that the configuration asks for; a database is opened while the caller does something else.

    Args:
        output: the output folder.
        parent: run of the sweep that this run is a job of.
        is_first: whether this process is the first of those that train together; the others only measure.
    Raises:
        UserError: there is a database that cannot be used.
    """
    wanted = config.tracking
    if not isinstance(wanted, MlflowTracking):
        return Tracker()
    if not is_first:
        return MeasuringTracker()
    check_database(uri_of(config))
    return MlflowTracker(config, wanted, output, parent)


class MeasuringTracker(Tracker):
    """That of a process that is not the first: logs nothing itself."""

    def measure(self, tell: Callable[[dict[str, float]], None]) -> None:
        self.system = SystemMetrics(lambda values, number: tell(values), first=0)

    def finish(self, status: str) -> None:
        if hasattr(self, "system"):
            self.system.stop()
