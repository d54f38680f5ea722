"""A run of MLflow as training sees it.

No call waits for MLflow, but `start` where there is a database, `flush` and `finish`, and these not for long;
`tracker.seconds` says how long training stood still.
"""

import functools
import getpass
import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from shlex import quote

import numpy as np
from PIL import Image

from colorize.config.schema import Config
from colorize.config.training import MlflowTracking
from colorize.errors import UserError
from colorize.runs.atomic import WriteErrors
from colorize.runs.layout import TRACKING
from colorize.tracking.delivery import Delivery
from colorize.tracking.journal import Journal
from colorize.tracking.sender import Sender
from colorize.tracking.system import SYSTEM, SystemMetrics
from colorize.tracking.uri import default_uri, is_server, uri_of
from colorize.tracking.views import description, run_name

PATIENCE_WITH_A_DATABASE = 60.0
"""Seconds that one record may take: a database is of this machine, it may be slow, and does not go away."""


class Tracker:
    """Takes everything and keeps nothing: `tracking=off`, and the interface of the other."""

    is_new: bool = False
    """Whether it has nothing of the run yet, also where that goes on."""
    seconds: float = 0.0
    """Time that the training has spent in tracking, or waited for it, so far."""

    @property
    def has_all(self) -> bool:
        """Whether all that was logged so far has reached its place."""
        return True

    @property
    def run_id(self) -> str | None:
        """What MLflow calls the run; None where there is none, or as long as it has not answered."""
        return None

    @property
    def page(self) -> str | None:
        """Address of the run's page in MLflow, behind that of the UI; None where MLflow does not have all of it."""
        return None

    def start(self) -> None:
        """Makes sure that the run can be logged."""

    def parameters(self, values: dict) -> None:
        """Logs what the run was given: flat names to values."""

    def tags(self, values: dict[str, str]) -> None:
        """Logs what the run is."""

    def description(self, photos: int, parameters: int, result: str | None = None, epochs: int | None = None) -> None:
        """Says on the page of the run what it is, and what came of it; see `views.description`."""

    def dataset(self, shape: tuple[int, ...], name: str, source: str, digest: str, part: str) -> None:
        """Logs which photos one part of the split has: uint8 of shape (N, H, W, 3)."""

    def metrics(self, values: dict[str, float], step: int | None = None) -> None:
        """Logs numbers, at an epoch or of the whole run."""

    def picture(self, rgb: np.ndarray, key: str, step: int) -> None:
        """Logs a uint8 picture (H, W, 3) into the image grid, under a key that stays over the steps."""

    def table(self, columns: dict[str, list], name: str) -> None:
        """Logs a table as an artifact."""

    def file(self, path: Path, folder: str | None = None) -> None:
        """Logs a file of the output folder as an artifact, as it is when it is delivered."""

    def folder(self, path: Path, name: str) -> None:
        """Logs all that is in a folder; as `file`."""

    def model(
        self, weights: Path, parameters: dict, metrics: list[str], score: float, dataset: dict, step: int
    ) -> None:
        """Logs the output folder as a model, and registers it where the configuration says so.

        Args:
            weights: the file of its weights.
            parameters: what it is.
            metrics: names of those that are the model's too; logged already.
            score: ab RMSE on the held-out photos.
            dataset: `name` and `digest` of these.
            step: the epoch.
        """

    def secure(self) -> None:
        """Makes sure that what was logged so far outlives a loss of power."""

    def measure(self, tell: Callable[[dict[str, float]], None]) -> None:
        """Begins to tell the first of several processes how busy this machine is."""

    def measured(self, process: int, values: dict[str, float]) -> None:
        """Logs how busy the machine of another process is, whose names begin with `SYSTEM`."""

    def forget(self) -> None:
        """Says that what follows repeats nothing that an earlier process logged, even of the same step."""

    def flush(self) -> None:
        """Waits until all that was logged so far is stored, unless MLflow does not answer."""

    def finish(self, status: str) -> None:
        """Stores what is under way and ends the run as FINISHED, FAILED or KILLED; once."""

    def tell(self) -> None:
        """Says what did not reach its place, and how it gets there."""


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
    """Writes everything into the journal in the output folder, from which a thread brings it into MLflow.

    Args:
        output: the output folder.
        parent: run of the sweep that this run is a job of.
    """

    @_timed
    def __init__(self, config: Config, tracking: MlflowTracking, output: Path, parent: str | None):
        self.config, self.tracking, self.output, self.parent = config, tracking, output, parent
        self.uri, self._write_errors, self._is_finished = uri_of(config), WriteErrors(), False
        # MLflow is imported here and not in the thread: Keras is being imported beside it.
        self.journal = Journal(output / TRACKING)
        self.sender = Sender(self.journal, Delivery(self.uri, output, self.journal.run_key))
        self.patience = tracking.patience if is_server(self.uri) else PATIENCE_WITH_A_DATABASE
        self.is_new = self.journal.count == 0
        self._record_start() if self.is_new else self._record("resume")
        self.sender.start()
        self.system = SystemMetrics(
            lambda values, step: self._record("metrics", values=values, step=step),
            first=self.journal.last_step(SYSTEM) + 1,
        )

    @property
    def has_all(self) -> bool:
        return self.sender.delivered == self.journal.count

    @property
    def run_id(self) -> str | None:
        return self.sender.delivery.run_id

    @property
    def page(self) -> str | None:
        return self.sender.delivery.page if self.has_all else None

    def _record_start(self) -> None:
        tags = {"mlflow.user": getpass.getuser(), "mlflow.source.name": sys.argv[0], "mlflow.source.type": "LOCAL"}
        if self.parent:
            tags["mlflow.parentRunId"] = self.parent
        name, experiment = run_name(self.config), self.tracking.experiment
        self._record("start", key=self.journal.run_key, experiment=experiment, name=name, tags=tags)

    @_timed
    def start(self) -> None:
        """Waits for a database, which may have to be made; a server is given what there is when it answers.

        Raises:
            UserError: the database cannot be used.
        """
        if is_server(self.uri):
            return
        if not self.sender.wait(self.patience, self.journal.count) or self.run_id is None:
            reason = self.sender.reason or (self.sender.refusals or ["it does not answer"])[0]
            raise UserError(
                f"tracking.uri={self.uri}: no run could be started there: {reason}. Correct the address, move a"
                " damaged database away, or train without it: tracking=off"
            )

    @_timed
    def parameters(self, values: dict) -> None:
        self._record("parameters", values={key: str(value) for key, value in values.items()})

    @_timed
    def tags(self, values: dict[str, str]) -> None:
        self._record("tags", values={key: str(value) for key, value in values.items()})

    @_timed
    def description(self, photos: int, parameters: int, result: str | None = None, epochs: int | None = None) -> None:
        self._record("description", text=description(self.config, photos, parameters, result, epochs))

    @_timed
    def dataset(self, shape: tuple[int, ...], name: str, source: str, digest: str, part: str) -> None:
        self._record("dataset", shape=list(shape), name=name, source=source, digest=digest, part=part)

    @_timed
    def metrics(self, values: dict[str, float], step: int | None = None) -> None:
        self._record("metrics", values={key: float(value) for key, value in values.items()}, step=step)

    @_timed
    def picture(self, rgb: np.ndarray, key: str, step: int) -> None:
        path = Path(TRACKING) / "pictures" / f"{key.replace('/', '~')}+{step}.png"
        with self._write_errors.tolerate("a picture that is to be logged"):
            (self.output / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rgb).save(self.output / path)
            self._record("picture", path=str(path), key=key, step=step)

    @_timed
    def table(self, columns: dict[str, list], name: str) -> None:
        self._record("table", columns=columns, name=name)

    @_timed
    def file(self, path: Path, folder: str | None = None) -> None:
        self._record("file", path=str(path.relative_to(self.output)), folder=folder)

    @_timed
    def folder(self, path: Path, name: str) -> None:
        self._record("folder", path=str(path.relative_to(self.output)), name=name)

    @_timed
    def model(
        self, weights: Path, parameters: dict, metrics: list[str], score: float, dataset: dict, step: int
    ) -> None:
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        values = {key: str(value) for key, value in parameters.items()}
        register = self.tracking.register_as
        self._record(
            "model", weights=digest, parameters=values, metrics=metrics, score=score, dataset=dataset, step=step,
            register=register,
        )  # fmt: skip

    def _record(self, kind: str, **values) -> None:
        added = self.journal.add(kind, **values)
        if added:
            self.sender.put(*added)

    @_timed
    def secure(self) -> None:
        self.journal.secure()

    def measured(self, process: int, values: dict[str, float]) -> None:
        if self._is_finished:
            return
        of_process = {f"{SYSTEM}{process}/{name.removeprefix(SYSTEM)}": value for name, value in values.items()}
        self._record("metrics", values=of_process, step=self.system.number)

    def forget(self) -> None:
        self.journal.forget()

    @_timed
    def flush(self) -> None:
        self.sender.wait(self.patience, self.journal.count)

    @_timed
    def finish(self, status: str) -> None:
        if self._is_finished:
            return
        self._is_finished = True
        self.system.stop()
        self._record("end", status=status)
        self.sender.end(self.patience)

    def tell(self) -> None:
        left, refusals = self.journal.count - self.sender.delivered, self.sender.refusals
        for line in self.sender.delivery.notes:
            print(line)
        if refusals:
            print(f"MLflow at {self.uri} refused {len(refusals)} records, the first: {refusals[0]}", file=sys.stderr)
        if left:
            known = self.tracking.uri or "@" in self.uri or self.uri == default_uri()
            elsewhere = "" if known else f" --tracking {quote(self.uri)}"
            print(
                f"{left} of {self.journal.count} records did not reach MLflow at {self.uri}:"
                f" {self.sender.first_reason or 'it takes too long to answer'}. They are kept. Deliver them with:"
                f" python -m colorize sync {quote(str(self.output))}{elsewhere}",
                file=sys.stderr,
            )
