"""Everything MLflow: the only room that imports it.

Every call is asynchronous where MLflow can; `finish` waits for what is under way. `tracker.seconds` says what all of
it cost the training.
"""

import functools
import logging
import os
import subprocess
import time
import warnings
from pathlib import Path
from threading import Thread

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


def start_tracker(config: Config) -> "Tracker":
    """The tracker that the configuration asks for, its run started."""
    return MlflowTracker(config) if isinstance(config.tracking, MlflowTracking) else Tracker()


class Tracker:
    """Takes everything and keeps nothing: `tracking=off`, and the interface of the other."""

    run_id: str | None = None
    seconds: float = 0.0
    """Time that the training has spent in tracking so far."""

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

    def text(self, text: str, name: str) -> None:
        """Logs a text as an artifact."""

    def file(self, path: Path, folder: str | None = None) -> None:
        """Logs a file as an artifact."""

    def finish(self, status: str) -> None:
        """Waits for what is under way and ends the run as FINISHED, FAILED or KILLED."""


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
    """One MLflow run."""

    @_timed
    def __init__(self, config: Config):
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        os.environ.pop("MLFLOW_RUN_ID", None)  # left over from another run, it would override ours
        import mlflow

        for noisy in ("alembic", "mlflow"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        self.mlflow = mlflow
        uri = config.tracking.uri or default_uri()
        try:
            mlflow.set_tracking_uri(uri)
            mlflow.set_experiment(experiment_id=_experiment(mlflow, config))
            run = mlflow.start_run(run_name=run_name(config), log_system_metrics=True)
        except (mlflow.MlflowException, OSError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(
                f"tracking.uri={uri}: no run could be started there: {reason}. Start the server, correct the address,"
                " or train without it: tracking=off"
            ) from None
        self.run_id = run.info.run_id

    @_timed
    def parameters(self, values: dict) -> None:
        self.mlflow.log_params(values, synchronous=False)

    @_timed
    def tags(self, values: dict[str, str]) -> None:
        self.mlflow.set_tags(values, synchronous=False)

    @_timed
    def dataset(self, rgb: np.ndarray, name: str, source: str, digest: str, part: str) -> None:
        with warnings.catch_warnings():  # MLflow registers its source for local folders twice, and wonders which it is
            warnings.simplefilter("ignore", UserWarning)
            photos = self.mlflow.data.from_numpy(rgb, source=source, name=f"{name} {part}", digest=digest)
        self.mlflow.log_input(photos, context=part)

    @_timed
    def metrics(self, values: dict[str, float], step: int | None = None) -> None:
        self.mlflow.log_metrics({k: float(v) for k, v in values.items()}, step=step, synchronous=False)

    @_timed
    def picture(self, rgb: np.ndarray, key: str, step: int) -> None:
        self.mlflow.log_image(rgb, key=key, step=step, synchronous=False)

    @_timed
    def table(self, columns: dict[str, list], name: str) -> None:
        self.mlflow.log_table(columns, name)

    @_timed
    def text(self, text: str, name: str) -> None:
        self.mlflow.log_text(text, name)

    @_timed
    def file(self, path: Path, folder: str | None = None) -> None:
        self.mlflow.log_artifact(str(path), folder)

    @_timed
    def finish(self, status: str) -> None:
        # Each flush waits up to a second for a queue that is empty already: both at once. The one of the artifacts
        # stays in this thread, since it looks for the active run, and in another thread there is none.
        metrics = Thread(target=self.mlflow.flush_async_logging)
        metrics.start()
        self.mlflow.flush_artifact_async_logging()
        metrics.join()
        self.mlflow.end_run(status)


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
