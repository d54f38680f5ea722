"""Runs and models that MLflow has already: finding them, fetching their files, adding to them."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from colorize.errors import UserError
from colorize.tracking.database import artifact_location, check_database, opening
from colorize.tracking.uri import default_uri, import_mlflow, look_at, reason_of
from colorize.tracking.views import experiment_tags, with_ids

MODEL_FOLDER = "model"
"""Of a run's artifacts, until November 2026: the configuration and the best weights."""


class StoredRuns:
    """The runs of one database or server.

    Args:
        uri: of it; None: where runs are logged by default.
    """

    def __init__(self, uri: str | None = None):
        self.mlflow = import_mlflow()
        self.uri = uri or default_uri()
        look_at(self.mlflow, self.uri)
        check_database(self.uri)
        with opening(self.uri):
            self.client = self.mlflow.MlflowClient(self.uri)

    def _ask(self, what: str, call: Callable, *args, **kwargs):
        from sqlalchemy.exc import SQLAlchemyError  # MLflow lets some of these through

        try:
            return call(*args, **kwargs)
        except (self.mlflow.MlflowException, SQLAlchemyError, OSError) as error:
            raise UserError(f"MLflow at {self.uri} could not {what}: {reason_of(error)}") from None

    def find(self, run_id: str):
        """The run; `UserError` where there is none."""
        return self._ask(f"find the run {run_id}", self.client.get_run, run_id)

    def fetch(self, run_id: str, path: str, into: Path) -> Path | None:
        """Copies a file or folder of a run's artifacts; None where the run has none of that name."""
        folder, _, _ = path.rpartition("/")
        files = self._ask(f"list the files of {run_id}", self.client.list_artifacts, run_id, folder or None)
        if path not in {file.path for file in files}:
            return None
        fetched = self._ask(
            f"fetch {path} of {run_id}",
            self.mlflow.artifacts.download_artifacts,
            run_id=run_id,
            artifact_path=path,
            dst_path=str(into),
            tracking_uri=self.uri,
        )
        return Path(fetched)

    def fetch_model(self, run_id: str, into: Path) -> Path | None:
        """Copies the files of the model that a run logged last; None where it logged none."""
        outputs = self.find(run_id).outputs
        models = sorted(outputs.model_outputs, key=lambda model: model.step) if outputs else []
        if not models:
            return self.fetch(run_id, MODEL_FOLDER, into)
        return self._fetch_uri(f"models:/{models[-1].model_id}", into)

    def fetch_registered(self, uri: str, into: Path) -> tuple[Path, str | None]:
        """Copies the files of a registered model, `models:/NAME/VERSION` or `models:/NAME@ALIAS`; and names its run."""
        name, version = self._version(uri)
        found = self._ask(f"find the model {uri}", version)
        return self._fetch_uri(f"models:/{name}/{found.version}", into), found.run_id

    def registered(self) -> dict[str, str]:
        """Every version of every registered model: `models:/NAME/VERSION` -> what it is; champions first, then those
        with another alias, then the newest of each."""
        found, rank = {}, {}
        for model in self._ask("list the registered models", self.client.search_registered_models):
            aliases: dict[str, list[str]] = {}
            for alias, version in model.aliases.items():
                aliases.setdefault(str(version), []).append(alias)
            versions = self._ask("list versions", self.client.search_model_versions, f"name = '{model.name}'")
            for number in sorted((int(version.version) for version in versions), reverse=True):
                own, uri = sorted(aliases.get(str(number), [])), f"models:/{model.name}/{number}"
                found[uri] = ", ".join([f"{model.name} version {number}", *own])
                rank[uri] = 0 if "champion" in own else 1 if own else 2
        return dict(sorted(found.items(), key=lambda item: rank[item[0]]))

    def _fetch_uri(self, uri: str, into: Path) -> Path:
        fetch = self.mlflow.artifacts.download_artifacts
        return Path(self._ask(f"fetch {uri}", fetch, artifact_uri=uri, dst_path=str(into), tracking_uri=self.uri))

    def _version(self, uri: str) -> tuple[str, Callable]:
        rest = uri.removeprefix("models:/")
        name, at, alias = rest.partition("@")
        if at and name and alias:
            return name, lambda: self.client.get_model_version_by_alias(name, alias)
        name, slash, version = rest.partition("/")
        if slash and name and version.isdigit():
            return name, lambda: self.client.get_model_version(name, version)
        raise UserError(f"{uri} is no model: expected models:/NAME/VERSION or models:/NAME@ALIAS")

    def add(self, run_id: str, metrics: dict[str, float], folder: Path, name: str) -> None:
        """Adds metrics and the files of a folder to a run, as `name` among its artifacts."""
        from mlflow.entities import Metric
        from mlflow.utils.time import get_current_time_millis

        now = get_current_time_millis()
        points = [Metric(key, value, now, 0) for key, value in metrics.items()]
        self._ask(f"add metrics to {run_id}", self.client.log_batch, run_id, metrics=points)
        self._ask(f"add files to {run_id}", self.client.log_artifacts, run_id, str(folder), name)

    def of_experiment(self, name: str) -> list[str]:
        """The finished runs of an experiment that have a model of their own, oldest first."""
        found = self._ask(f"find the experiment {name}", self.client.get_experiment_by_name, name)
        if found is None:
            names = ", ".join(sorted(e.name for e in self.client.search_experiments()))
            raise UserError(f"MLflow at {self.uri} has no experiment {name}; it has {names}")
        runs = self._ask(
            f"list the runs of {name}",
            self.client.search_runs,
            [found.experiment_id],
            "attributes.status = 'FINISHED'",
            order_by=["attributes.start_time ASC"],
            max_results=10_000,
        )
        return [run.info.run_id for run in runs if {"fusion.name", "data.digest"} <= set(run.data.params)]

    def start(self, experiment: str, name: str, tags: dict[str, str]) -> str:
        """Starts a run without a training, for a sweep or a comparison; returns its id."""
        place = self._ask("make the experiment", experiment_id, self.client, self.uri, experiment)
        return self._ask("start a run", self.client.create_run, place, run_name=name, tags=tags).info.run_id

    def describe(
        self, run_id: str, text: str, parameters: dict[str, str], metrics: dict[str, float] | None = None
    ) -> None:
        """Says on the page of such a run what it is; with `views.RUN_ID` and `EXPERIMENT_ID` for its own.

        Args:
            parameters: what it was given.
            metrics: what came of it.
        """
        from mlflow.entities import Metric, Param
        from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE
        from mlflow.utils.time import get_current_time_millis

        def log() -> None:
            now = get_current_time_millis()
            experiment = self.client.get_run(run_id).info.experiment_id
            self.client.set_tag(run_id, MLFLOW_RUN_NOTE, with_ids(text, experiment, run_id))
            points = [Metric(name, value, now, 0) for name, value in (metrics or {}).items()]
            self.client.log_batch(run_id, points, [Param(*item) for item in parameters.items()])

        self._ask(f"describe {run_id}", log)

    def go_on(self, run_id: str) -> None:
        """Says of such a run that it goes on."""
        self._ask(f"go on with {run_id}", self.client.update_run, run_id, status="RUNNING")

    def end(self, run_id: str, status: str) -> None:
        """Ends such a run as FINISHED, FAILED or KILLED."""
        self._ask(f"end {run_id}", self.client.set_terminated, run_id, status)


def experiment_id(client, uri: str, name: str) -> str:
    """The experiment of that name, made where there is none; with the view of it that `views` describes."""
    from mlflow import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        found = client.get_experiment(client.create_experiment(name, artifact_location=artifact_location(uri)))
    with suppress(MlflowException):  # an experiment may be somebody else's, or deleted, which a run will be told
        for key, value in experiment_tags(found.experiment_id).items():
            if key not in found.tags:
                client.set_experiment_tag(found.experiment_id, key, value)
    return found.experiment_id
