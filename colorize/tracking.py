"""Everything MLflow: the only room that imports it.

No call waits for MLflow, but `start`, `flush` and `finish`. `tracker.seconds` says what all of it cost the training.
"""

import functools
import logging
import os
import subprocess
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
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # seven by default, which is four minutes of a training standing still
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "GIT_PYTHON_REFRESH": "quiet",  # no complaint where git is not installed
}


def default_uri() -> str:
    """The database beside the project, wherever the job runs."""
    return f"sqlite:///{PROJECT / 'mlflow.db'}"


def ui_command(config: Config) -> str:
    """The command that shows the runs."""
    uri = config.tracking.uri if isinstance(config.tracking, MlflowTracking) else None
    if uri and uri.startswith("http"):
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
        self.mlflow, self.config = mlflow, config
        self.uri = config.tracking.uri or default_uri()
        self.calls = self.lost = 0
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="mlflow")
        self.opened = self.thread.submit(self._open)

    def _open(self) -> None:
        self.mlflow.set_tracking_uri(self.uri)
        self.mlflow.set_experiment(experiment_id=_experiment(self.mlflow, self.config))

    @_timed
    def start(self) -> None:
        """Starts the run.

        Raises:
            UserError: the database or the server cannot be used.
        """
        try:
            self.run_id = self.thread.submit(self._start).result().info.run_id
        except (self.mlflow.MlflowException, OSError) as error:
            raise UserError(
                f"tracking.uri={self.uri}: no run could be started there: {_reason(error)}. Start the server, correct"
                " the address, or train without it: tracking=off"
            ) from None

    def _start(self):
        self.opened.result()
        return self.mlflow.start_run(run_name=run_name(self.config), log_system_metrics=True)

    @_timed
    def parameters(self, values: dict) -> None:
        self._send(self.mlflow.log_params, values)

    @_timed
    def tags(self, values: dict[str, str]) -> None:
        self._send(self.mlflow.set_tags, values)

    @_timed
    def dataset(self, rgb: np.ndarray, name: str, source: str, digest: str, part: str) -> None:
        self._send(self._dataset, rgb, name, source, digest, part)

    def _dataset(self, rgb: np.ndarray, name: str, source: str, digest: str, part: str) -> None:
        with warnings.catch_warnings():  # MLflow registers its source for local folders twice, and wonders which it is
            warnings.simplefilter("ignore", UserWarning)
            photos = self.mlflow.data.from_numpy(rgb, source=source, name=f"{name} {part}", digest=digest)
        self.mlflow.log_input(photos, context=part)

    @_timed
    def metrics(self, values: dict[str, float], step: int | None = None) -> None:
        self._send(self.mlflow.log_metrics, {k: float(v) for k, v in values.items()}, step=step)

    @_timed
    def picture(self, rgb: np.ndarray, key: str, step: int) -> None:
        self._send(self.mlflow.log_image, rgb, key=key, step=step)

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
        self._send(self.mlflow.end_run, status)
        self.thread.shutdown(wait=True)
        if self.lost:
            print(
                f"{self.lost} of {self.calls} records did not reach MLflow at {self.uri}, the first because:"
                f" {self.first_reason}. The output folder has the results all the same",
                file=sys.stderr,
            )

    def _send(self, call, *args, **kwargs) -> None:
        self.calls += 1
        self.thread.submit(self._call, call, args, kwargs)

    def _call(self, call, args, kwargs) -> None:
        try:
            call(*args, **kwargs)
        except Exception as error:  # of whatever kind: a training is worth more than its log
            self.first_reason = self.first_reason if self.lost else _reason(error)
            self.lost += 1


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _experiment(mlflow, config: Config) -> str:
    name = config.tracking.experiment
    found = mlflow.get_experiment_by_name(name)
    if found:
        return found.experiment_id
    # A server knows where its artifacts go; the local database would put them below the folder that a job runs in.
    location = None if config.tracking.uri else (PROJECT / "mlartifacts").as_uri()
    return mlflow.create_experiment(name, artifact_location=location)


def run_name(config: Config) -> str:
    """What the runs table says of a run."""
    return f"{config.encoder.name} + {config.fusion.name}, {config.data.name}, seed {config.seed}"


def flat(values: dict, prefix: str = "") -> dict:
    """Nested dicts as one, with dotted keys."""
    result = {}
    for key, value in values.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return result


def git_state() -> dict[str, str]:
    """Tags with the project's commit and whether files differ from it; empty where git or the history is missing."""
    try:
        commit = _git("rev-parse", "HEAD")
        return {"git.commit": commit, "git.dirty": str(bool(_git("status", "--porcelain"))).lower()}
    except (OSError, subprocess.CalledProcessError):
        return {}


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PROJECT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
