"""Bringing the records of a journal into MLflow, so that bringing one twice changes nothing.

| kind | what becomes of it | twice |
|---|---|---|
| start | a run with the tag `colorize.key` | the run with that tag is found |
| resume, end | the run's status | the same |
| parameters, tags, description, dataset | as they are | MLflow keeps one |
| metrics | points with the record's own time | a point of the same time is the same to MLflow |
| picture, file, folder, table | artifacts whose names depend on the record alone | overwritten by themselves |
| model | a logged model, and a version of a registered one | both are found by its weights |
"""

import io
import json
import tempfile
import uuid
from pathlib import Path

import numpy as np
from PIL import Image

from colorize.compat import mlflow_entity
from colorize.runs.model_file import MODEL
from colorize.tracking.client import experiment_id
from colorize.tracking.database import opening
from colorize.tracking.uri import import_mlflow, look_at
from colorize.tracking.views import page_of, with_ids

KEY = "colorize.key"
AT_ONCE = 100
"""Parameters that MLflow takes in one call."""
THUMBNAIL = 256
"""Longest side of the small picture that MLflow's grid shows first (mlflow/tracking/multimedia.py)."""

REFUSALS = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST")
"""Answers to what was asked, not of a server in trouble."""

DELETED = "deleted"
"""What MLflow says of a run that somebody deleted, and that could be restored."""

KINDS = (
    "start", "resume", "end", "forget", "parameters", "tags", "metrics", "dataset", "picture", "table", "file",
    "folder", "model", "description",
)  # fmt: skip


class Delivery:
    """Delivers records of one run to one MLflow.

    Args:
        uri: of the database or server.
        output: the output folder, in which the files lie.
        run_key: of the journal.
        run_id: where it is known from before.
    Attributes:
        notes: what became of models, in sentences.
        page: address of the run's page, behind that of the UI, once its description is delivered.
    """

    def __init__(self, uri: str, output: Path, run_key: str, run_id: str | None = None):
        self.uri, self.output, self.run_key, self.run_id = uri, output, run_key, run_id
        self.mlflow = import_mlflow()
        self.notes: list[str] = []
        self.page: str | None = None
        self._client = None

    @property
    def client(self):
        """Made when it is needed first: a database is made then, which takes seconds."""
        if self._client is None:
            with opening(self.uri):
                self._client = self.mlflow.MlflowClient(self.uri)
        return self._client

    def deliver(self, record: dict) -> None:
        """Brings one record into MLflow.

        Raises:
            Exception: of whatever kind MLflow likes; see `is_refusal`.
        """
        if record["kind"] not in KINDS:
            raise ValueError(f"a record of the journal is damaged: {record['kind']}")
        getattr(self, f"_{record['kind']}")(record)

    def is_gone(self) -> bool:
        """Whether MLflow no longer has the run that it had: somebody deleted it, or the database is another."""
        if self.run_id is None:
            return False
        try:
            is_gone = self.client.get_run(self.run_id).info.lifecycle_stage == DELETED
        except self.mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            is_gone = True
        if is_gone:
            self.run_id = None
        return is_gone

    def _forget(self, record: dict) -> None:
        """For the journal alone."""

    def _start(self, record: dict) -> None:
        experiment = experiment_id(self.client, self.uri, record["experiment"])
        found = self.client.search_runs([experiment], f"tags.`{KEY}` = '{self.run_key}'", max_results=1)
        if found:
            self.run_id = found[0].info.run_id
            return
        tags = {**record["tags"], KEY: self.run_key}
        run = self.client.create_run(experiment, record["time"], tags, run_name=record["name"])
        self.run_id = run.info.run_id

    def _resume(self, record: dict) -> None:
        self.client.update_run(self.run_id, status="RUNNING")

    def _end(self, record: dict) -> None:
        self.client.set_terminated(self.run_id, record["status"], record["time"])

    def _parameters(self, record: dict) -> None:
        from mlflow.entities import Param

        values = [Param(key, str(value)) for key, value in record["values"].items()]
        for start in range(0, len(values), AT_ONCE):
            self.client.log_batch(self.run_id, params=values[start : start + AT_ONCE])

    def _tags(self, record: dict) -> None:
        from mlflow.entities import RunTag

        values = [RunTag(key, str(value)) for key, value in record["values"].items()]
        self.client.log_batch(self.run_id, tags=values)

    def _description(self, record: dict) -> None:
        from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

        assert self.run_id is not None  # the record of a start comes before
        experiment = self.client.get_run(self.run_id).info.experiment_id
        self.page = page_of(experiment, self.run_id)
        self.client.set_tag(self.run_id, MLFLOW_RUN_NOTE, with_ids(record["text"], experiment, self.run_id))

    def _metrics(self, record: dict) -> None:
        from mlflow.entities import Metric

        points = [Metric(key, value, record["time"], record["step"] or 0) for key, value in record["values"].items()]
        self.client.log_batch(self.run_id, metrics=points)

    def _dataset(self, record: dict) -> None:
        from mlflow.entities import DatasetInput, InputTag
        from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

        # MLflow looks at the shape and the type alone, so no pixel need be in memory.
        photos = np.broadcast_to(np.uint8(0), record["shape"])
        name = f"{record['name']} {record['part']}"
        photos = self.mlflow.data.from_numpy(photos, source=record["source"], name=name, digest=record["digest"])
        tags = [InputTag(MLFLOW_DATASET_CONTEXT, record["part"])]
        self.client.log_inputs(self.run_id, [DatasetInput(mlflow_entity(photos), tags)])

    def _picture(self, record: dict) -> None:
        """Two files under the names by which MLflow's image grid finds them (mlflow/tracking/client.py, log_image)."""
        from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_IMAGES

        data = self._file_in_output(record["path"]).read_bytes()
        try:
            small = Image.open(io.BytesIO(data), formats=["PNG"])
            small.thumbnail((THUMBNAIL, THUMBNAIL))
        except OSError:
            raise ValueError(f"{record['path']} is damaged") from None
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{self.run_key}/{record['key']}/{record['step']}/{record['time']}")
        stem = f"{record['key'].replace('/', '~')}+step+{record['step']}+timestamp+{record['time']}+{name}"
        with tempfile.TemporaryDirectory() as place:
            (Path(place) / f"{stem}.png").write_bytes(data)
            small.save(Path(place) / f"{stem}+compressed.webp")
            self.client.log_artifacts(self.run_id, place, "images")
        self.client.set_tag(self.run_id, MLFLOW_LOGGED_IMAGES, True)

    def _table(self, record: dict) -> None:
        """A table that the UI shows as one (`log_table` would add the same lines again)."""
        from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS

        columns = record["columns"]
        rows = [list(row) for row in zip(*columns.values())]
        self.client.log_dict(self.run_id, {"columns": list(columns), "data": rows}, record["name"])
        shown = [{"path": record["name"], "type": "table"}]
        self.client.set_tag(self.run_id, MLFLOW_LOGGED_ARTIFACTS, json.dumps(shown))

    def _file(self, record: dict) -> None:
        self.client.log_artifact(self.run_id, str(self._file_in_output(record["path"])), record["folder"])

    def _folder(self, record: dict) -> None:
        folder = self._file_in_output(record["path"])
        for path in folder.rglob("*"):
            self._file_in_output(str(path.relative_to(self.output.resolve())))
        self.client.log_artifacts(self.run_id, str(folder), record["name"])

    def _model(self, record: dict) -> None:
        from colorize.tracking.registry import ModelRegistry  # which imports a good part of MLflow

        self._file_in_output(MODEL)
        look_at(self.mlflow, self.uri)  # the registry looks for the model there, whatever its client was told
        models = ModelRegistry(self.mlflow, self.client)
        assert self.run_id is not None  # the record of a start comes before that of a model
        model_id = models.log(self.run_id, self.output.resolve(), record)
        if record["register"]:
            score, digest = record["score"], record["dataset"]["digest"]
            self.notes.append(models.register(record["register"], model_id, self.run_id, score, digest))

    def _file_in_output(self, path: str) -> Path:
        """A journal may come from a stranger: it cannot send off what lies elsewhere on this machine."""
        found = (self.output / path).resolve()
        if not found.is_relative_to(self.output.resolve()):
            raise FileNotFoundError(f"{path} does not lie in {self.output}")
        if not found.exists():
            raise FileNotFoundError(f"{path} is no longer there")
        return found


def is_refusal(error: Exception) -> bool:
    """Whether the record is to blame, and not the way to MLflow: the next one may fare better."""
    code = getattr(error, "error_code", None)
    if code is not None:
        return code in REFUSALS
    if type(error).__module__.startswith("sqlalchemy"):
        return False
    return not isinstance(error, OSError) or isinstance(error, FileNotFoundError)
