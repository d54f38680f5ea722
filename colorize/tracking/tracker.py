"""A run of MLflow as training sees it.

No call waits for MLflow, but `start`, `flush` and `finish`; `tracker.seconds` says how long training stood still.
"""

import functools
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from colorize.config import Config, MlflowTracking
from colorize.errors import UserError
from colorize.tracking.place import experiment_id, first_line, import_mlflow, is_server, uri_of

FAILURES_IN_A_ROW = 3
"""After so many nothing more is sent: each may take half a minute where a server hangs, and the end waits for all."""


def open_tracker(config: Config, parent: str | None = None) -> "Tracker":
    """The tracker that the configuration asks for; the database is opened while the caller does something else.

    Args:
        parent: run of the sweep that this run is a job of.
    """
    return MlflowTracker(config, parent) if isinstance(config.tracking, MlflowTracking) else Tracker()


class Tracker:
    """Takes everything and keeps nothing: `tracking=off`, and the interface of the other."""

    run_id: str | None = None
    seconds: float = 0.0
    """Time that the training has spent in tracking, or waited for it, so far."""

    def start(self) -> None:
        """Starts the run: what is logged from here on belongs to it."""

    def parameters(self, values: dict) -> None:
        """Logs what the run was given: flat names to values."""

    def tags(self, values: dict[str, str]) -> None:
        """Logs what the run is."""

    def dataset(self, shape: tuple[int, ...], name: str, source: str, digest: str, part: str) -> None:
        """Logs which photos one part of the split has: uint8 of shape (N, H, W, 3)."""

    def metrics(self, values: dict[str, float], step: int | None = None) -> None:
        """Logs numbers, at an epoch or of the whole run."""

    def picture(self, rgb: np.ndarray, key: str, step: int) -> None:
        """Logs a uint8 picture (H, W, 3) into the image grid, under a key that stays over the steps."""

    def table(self, columns: dict[str, list], name: str) -> None:
        """Logs a table as an artifact."""

    def file(self, path: Path, folder: str | None = None) -> None:
        """Logs a file as an artifact; it must stay as it is until the next `flush`."""

    def folder(self, path: Path, name: str) -> None:
        """Logs all that is in a folder; as `file`."""

    def flush(self) -> None:
        """Waits until all that was logged so far is stored."""

    def finish(self, status: str) -> None:
        """Stores what is under way and ends the run as FINISHED, FAILED or KILLED."""


def _timed(method):
    @functools.wraps(method)
    def timed(self, *args, **kwargs):
        start = time.perf_counter()
        try:
            return method(self, *args, **kwargs)
        finally:
            self.seconds += time.perf_counter() - start

    return timed


class MlflowTracker(Tracker):
    """One MLflow run, spoken to by a thread of its own, one call after the other.

    Not by MLflow's own threads: their flush waits a second for queues that are empty, and starts another run in a
    thread that has none. Here the run is the active one of that thread, and the order of calls is kept.
    """

    @_timed
    def __init__(self, config: Config, parent: str | None):
        # Here and not in the thread: Keras is being imported beside it.
        self.mlflow, self.config, self.parent = import_mlflow(), config, parent
        self.uri = uri_of(config)
        self.calls = self.lost = self.failed_in_a_row = 0
        self.first_reason = ""
        self.mlflow.set_tracking_uri(self.uri)
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="mlflow")
        if not is_server(self.uri):  # a database may have to be made, which takes seconds; a server is up or is not
            self.thread.submit(self._experiment)

    @_timed
    def start(self) -> None:
        """Starts the run.

        Raises:
            UserError: the database or the server cannot be used.
        """
        from sqlalchemy.exc import SQLAlchemyError  # MLflow lets some of these through

        try:
            self.run_id = self.thread.submit(self._start).result().info.run_id
        except (self.mlflow.MlflowException, SQLAlchemyError, OSError) as error:
            raise UserError(
                f"tracking.uri={self.uri}: no run could be started there: {first_line(error)}. Start the server,"
                " correct the address, move a damaged database away, or train without it: tracking=off"
            ) from None

    def _start(self):
        return self.mlflow.start_run(
            experiment_id=self._experiment(),
            run_name=run_name(self.config),
            parent_run_id=self.parent,
            log_system_metrics=True,
        )

    def _experiment(self) -> str:
        return experiment_id(self.mlflow, self.uri, self.config.tracking.experiment)

    @_timed
    def parameters(self, values: dict) -> None:
        self._send(self.mlflow.log_params, values, synchronous=True)

    @_timed
    def tags(self, values: dict[str, str]) -> None:
        self._send(self.mlflow.set_tags, values, synchronous=True)

    @_timed
    def dataset(self, shape: tuple[int, ...], name: str, source: str, digest: str, part: str) -> None:
        self._send(self._dataset, shape, name, source, digest, part)

    def _dataset(self, shape: tuple[int, ...], name: str, source: str, digest: str, part: str) -> None:
        # MLflow looks at the shape and the type alone, so no pixel need be in memory.
        photos = np.broadcast_to(np.uint8(0), shape)
        photos = self.mlflow.data.from_numpy(photos, source=source, name=f"{name} {part}", digest=digest)
        self.mlflow.log_input(photos, context=part)

    @_timed
    def metrics(self, values: dict[str, float], step: int | None = None) -> None:
        self._send(self.mlflow.log_metrics, {k: float(v) for k, v in values.items()}, step=step, synchronous=True)

    @_timed
    def picture(self, rgb: np.ndarray, key: str, step: int) -> None:
        self._send(self.mlflow.log_image, rgb, key=key, step=step, synchronous=True)

    @_timed
    def table(self, columns: dict[str, list], name: str) -> None:
        self._send(self.mlflow.log_table, columns, name)

    @_timed
    def file(self, path: Path, folder: str | None = None) -> None:
        self._send(self.mlflow.log_artifact, str(path), folder)

    @_timed
    def folder(self, path: Path, name: str) -> None:
        self._send(self.mlflow.log_artifacts, str(path), name)

    @_timed
    def flush(self) -> None:
        self.thread.submit(bool).result()  # does nothing, after all others

    @_timed
    def finish(self, status: str) -> None:
        self.calls += 1
        self.thread.submit(self._end, status)
        self.thread.shutdown(wait=True)
        if self.lost:
            print(
                f"{self.lost} of {self.calls} records did not reach MLflow at {self.uri}, the first because:"
                f" {self.first_reason}. The output folder has the results all the same",
                file=sys.stderr,
            )

    def _end(self, status: str) -> None:
        self.failed_in_a_row = 0  # worth another try: else the run is shown as running for ever
        self._call(self.mlflow.end_run, (status,), {})

    def _send(self, call, *args, **kwargs) -> None:
        self.calls += 1
        self.thread.submit(self._call, call, args, kwargs)

    def _call(self, call, args, kwargs) -> None:
        if self.failed_in_a_row == FAILURES_IN_A_ROW:
            self.lost += 1
            return
        try:
            call(*args, **kwargs)
            self.failed_in_a_row = 0
        except Exception as error:  # of whatever kind: a training is worth more than its log
            self.first_reason = self.first_reason or first_line(error)
            self.lost += 1
            self.failed_in_a_row += 1


def run_name(config: Config) -> str:
    """What the runs table says of a run."""
    return f"{config.encoder.name} + {config.fusion.name}, {config.data.name}, seed {config.seed}"
