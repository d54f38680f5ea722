"""Everything MLflow: the only room that imports it.

No call waits for MLflow, but `start`, `flush` and `finish`; `tracker.seconds` says how long training stood still.
"""

import functools
import logging
import os
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from colorize.config import PROJECT, Config, MlflowTracking
from colorize.errors import UserError

ENVIRONMENT = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # the last lines on the screen are ours
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # seven by default: four minutes that the end of a run waits
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "GIT_PYTHON_REFRESH": "quiet",  # no complaint where git is not installed
}


FAILURES_IN_A_ROW = 3
"""After so many nothing more is sent: each may take half a minute where a server hangs, and the end waits for all."""


def default_uri() -> str:
    """The database beside the project, wherever the job runs."""
    return f"sqlite:///{PROJECT / 'mlflow.db'}"


def ui_command(config: Config) -> str:
    """The command that shows the runs."""
    uri = config.tracking.uri if isinstance(config.tracking, MlflowTracking) else None
    if uri and _is_server(uri):
        return f"open {uri}"
    return f"mlflow ui --backend-store-uri {uri or default_uri()}"


def open_tracker(config: Config) -> "Tracker":
    """The tracker that the configuration asks for; the database is opened while the caller does something else."""
    return MlflowTracker(config) if isinstance(config.tracking, MlflowTracking) else Tracker()


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

    def dataset(self, rgb: np.ndarray, name: str, source: str, digest: str, part: str) -> None:
        """Logs the photos of one part of the split: uint8 (N, H, W, 3)."""

    def metrics(self, values: dict[str, float], step: int | None = None) -> None:
        """Logs numbers, at an epoch or of the whole run."""

    def picture(self, rgb: np.ndarray, key: str, step: int) -> None:
        """Logs a uint8 picture (H, W, 3) into the image grid, under a key that stays over the steps."""

    def table(self, columns: dict[str, list], name: str) -> None:
        """Logs a table as an artifact."""

    def file(self, path: Path, folder: str | None = None) -> None:
        """Logs a file as an artifact; it must stay as it is until the next `flush`."""

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
    def __init__(self, config: Config):
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        os.environ.pop("MLFLOW_RUN_ID", None)  # left over from another run, it would override ours
        import mlflow  # here and not in the thread: Keras is being imported beside it

        for noisy in ("alembic", "mlflow"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        # MLflow registers its source for local folders twice, and wonders which of the two it is.
        warnings.filterwarnings("ignore", "The specified dataset source can be interpreted in multiple ways")
        self.mlflow, self.config = mlflow, config
        self.uri = config.tracking.uri or default_uri()
        self.calls = self.lost = self.failed_in_a_row = 0
        self.first_reason = ""
        mlflow.set_tracking_uri(self.uri)
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="mlflow")
        if not _is_server(self.uri):  # a database may have to be made, which takes seconds; a server is up or is not
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
                f"tracking.uri={self.uri}: no run could be started there: {_reason(error)}. Start the server, correct"
                " the address, move a damaged database away, or train without it: tracking=off"
            ) from None

    def _start(self):
        experiment = self._experiment()
        return self.mlflow.start_run(experiment_id=experiment, run_name=run_name(self.config), log_system_metrics=True)

    def _experiment(self) -> str:
        name = self.config.tracking.experiment
        found = self.mlflow.get_experiment_by_name(name)
        if found:
            return found.experiment_id
        return self.mlflow.create_experiment(name, artifact_location=artifact_location(self.uri))

    @_timed
    def parameters(self, values: dict) -> None:
        self._send(self.mlflow.log_params, values, synchronous=True)

    @_timed
    def tags(self, values: dict[str, str]) -> None:
        self._send(self.mlflow.set_tags, values, synchronous=True)

    @_timed
    def dataset(self, rgb: np.ndarray, name: str, source: str, digest: str, part: str) -> None:
        self._send(self._dataset, rgb, name, source, digest, part)

    def _dataset(self, rgb: np.ndarray, name: str, source: str, digest: str, part: str) -> None:
        photos = self.mlflow.data.from_numpy(rgb, source=source, name=f"{name} {part}", digest=digest)
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
            self.first_reason = self.first_reason or _reason(error)
            self.lost += 1
            self.failed_in_a_row += 1


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _is_server(uri: str) -> bool:
    return uri.startswith("http")


def artifact_location(uri: str) -> str | None:
    """Where the artifacts of a new experiment go: beside an SQLite database.

    Others know by themselves (None); MLflow would put those of SQLite below the folder that a job happens to run in.
    """
    scheme = "sqlite:///"
    if not uri.startswith(scheme):
        return None
    return (Path(uri.removeprefix(scheme)).resolve().parent / "mlartifacts").as_uri()


def run_name(config: Config) -> str:
    """What the runs table says of a run."""
    return f"{config.encoder.name} + {config.fusion.name}, {config.data.name}, seed {config.seed}"
