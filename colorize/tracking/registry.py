"""Models in MLflow: a run's own, with its metrics and photos, and the registry's versions, champion and challenger."""

import hashlib
import json
import math
import tempfile
from pathlib import Path

from colorize.runs.model_file import MODEL
from colorize.serving.packaging import package
from colorize.tracking.views import BEST

WEIGHTS = "colorize.weights"
"""Tag of a logged model: the hash of its weights, by which it is found again and not logged twice."""

HELD_OUT, SCORE = "held_out.digest", "held_out.ab_rmse"
"""Tags of a registered version: the photos that it was evaluated by, and how far its colours are from theirs."""

EVALUATED = "evaluated"
"""Tag of a version: what it became when it was compared with the champion of that time."""

NAME = "colorizer"


class ModelRegistry:
    """Logs models into one MLflow.

    Args:
        mlflow: the package.
        client: of it.
    """

    def __init__(self, mlflow, client):
        self.mlflow, self.client = mlflow, client

    def log(self, run_id: str, output: Path, record: dict) -> str:
        """Makes a model out of an output folder and logs it in a run, once.

        Args:
            record: `weights`, `parameters`, `step`, `metrics` (names of those of the run that are the model's too) and
                `dataset` (name and digest of the photos that they were measured on).
        Returns:
            its id.
        Raises:
            ValueError: the weights are no longer there.
        """
        from mlflow.entities import LoggedModelOutput
        from mlflow.models import Model

        if hashlib.sha256((output / MODEL).read_bytes()).hexdigest() != record["weights"]:
            raise ValueError(f"{output / MODEL} holds other weights by now: the run went on")
        run = self.client.get_run(run_id)
        model = self._found(run, record["weights"]) or self.client.create_logged_model(
            run.info.experiment_id, NAME, run_id, {WEIGHTS: record["weights"]}, record["parameters"], "colorizer"
        )
        if model.status == "READY":
            return model.model_id
        with tempfile.TemporaryDirectory(prefix="colorize-model-") as place:
            folder = Path(place) / "model"
            about = Model(artifact_path=model.artifact_location, model_uuid=model.model_id, run_id=run_id,
                          model_id=model.model_id)  # fmt: skip
            package(output, folder, about)
            self.client.log_model_artifacts(model.model_id, str(folder))
        self.client.log_outputs(run_id, [LoggedModelOutput(model.model_id, record["step"])])
        self._log_metrics(run_id, model.model_id, record)
        self.client.finalize_logged_model(model.model_id, "READY")
        return model.model_id

    def _found(self, run, weights: str):
        """The model of a run that has these weights, perhaps not whole yet."""
        experiment, where = [run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"
        found = self.client.search_logged_models(experiment, filter_string=where)
        return next((model for model in found if model.tags.get(WEIGHTS) == weights), None)

    def _log_metrics(self, run_id: str, model_id: str, record: dict) -> None:
        from mlflow.entities import Metric

        about = {"model_id": model_id, "run_id": run_id, **{f"dataset_{k}": v for k, v in record["dataset"].items()}}
        histories = [self.client.get_metric_history(run_id, name) for name in record["metrics"]]
        points = [history[-1] for history in histories if history]  # what is not finite was not logged
        # Of the same time: to the run they are the points that it has already.
        same = [Metric(p.key, p.value, p.timestamp, p.step, **about) for p in points]
        self.client.log_batch(run_id, metrics=same)

    def register(self, name: str, model_id: str, run_id: str, score: float, digest: str) -> str:
        """Makes a model a version of a registered one, as its champion where it beats the present champion and the
        trivial baselines, else as its challenger.

        Args:
            score: ab RMSE on the held-out photos.
            digest: of these photos. A champion that was evaluated by others is not compared with.
        Returns:
            what came of it, in a sentence.
        """
        from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

        try:
            self.client.create_registered_model(name)
        except self.mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        run, tags = self.client.get_run(run_id), {HELD_OUT: digest, SCORE: repr(score)}
        about = f"{run.info.run_name}: ab RMSE {score:.3f} on the held-out photos"
        version = self._version(name, model_id) or self.client.create_model_version(
            name, f"models:/{model_id}", run_id, tags, description=about, model_id=model_id
        )
        if EVALUATED in version.tags:  # a record that comes twice; others may have been evaluated since
            return f"{name} version {version.version} is there already"
        # By this its own page knows it; the registry alone does not tell it (`mlflow.register_model` does the same).
        versions = json.dumps([{"name": name, "version": version.version}])
        self.client.set_logged_model_tags(model_id, {MLFLOW_MODEL_VERSIONS: versions})
        champion = self._champion(name)
        alias, why = self._alias(champion, version, score, digest, run.data.metrics.get(f"{BEST}/gain"))
        if alias == "champion" and champion is not None and champion.version != version.version:
            self.client.set_model_version_tag(name, champion.version, EVALUATED, f"beaten by version {version.version}")
        self.client.set_registered_model_alias(name, alias, version.version)
        self.client.set_model_version_tag(name, version.version, EVALUATED, alias)
        return f"{name} version {version.version} is its {alias}: {why}"

    def _version(self, name: str, model_id: str):
        found = self.client.search_model_versions(f"name = '{name}'")
        return next((version for version in found if version.source == f"models:/{model_id}"), None)

    def _alias(self, champion, version, score: float, digest: str, gain: float | None) -> tuple[str, str]:
        if gain is not None and gain <= 0:
            return "challenger", f"ab RMSE {score:.3f} is not below that of the best trivial baseline"
        if not math.isfinite(score):
            return "challenger", f"its ab RMSE is {score}"
        if champion is None or champion.version == version.version:
            return "champion", f"ab RMSE {score:.3f}, there is no other"
        if champion.tags.get(HELD_OUT) != digest or SCORE not in champion.tags:
            return "challenger", (
                f"version {champion.version}, the champion, was evaluated by other photos; compare the two with"
                " `python -m colorize evaluate`, and give the alias by hand"
            )
        best = float(champion.tags[SCORE])
        reason = f"ab RMSE {score:.3f} against {best:.3f} of version {champion.version}, by the same held-out photos"
        return ("champion" if score < best else "challenger"), reason

    def _champion(self, name: str):
        try:
            return self.client.get_model_version_by_alias(name, "champion")
        except self.mlflow.MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            return None
