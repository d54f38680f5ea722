"""Tracking beside a training: order, failure, the end. The whole run in MLflow: `test_training.py`."""

from threading import Event

import numpy as np
import pytest

from colorize.config import MlflowTracking
from colorize.errors import UserError
from colorize.tracking.place import artifact_location
from colorize.tracking.tracker import MlflowTracker, open_tracker

pytestmark = pytest.mark.filterwarnings("ignore")  # of what MLflow imports


@pytest.fixture
def open_at(config_of):
    """Opens a tracker at a URI."""
    config = config_of()

    def at(uri: str) -> MlflowTracker:
        return open_tracker(
            config.model_copy(update={"tracking": MlflowTracking(name="mlflow", uri=uri, experiment="tests")})
        )

    return at


@pytest.fixture
def stored(tmp_path):
    """The URI of a new database, and a client of it."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    return uri, lambda: MlflowClient(uri)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A folder of its own to run in, and a store of artifacts that is slow, as over a network."""
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    log_artifact = LocalArtifactRepository.log_artifact

    def slow(*args):
        Event().wait(0.3)
        log_artifact(*args)

    monkeypatch.setattr(LocalArtifactRepository, "log_artifact", slow)
    monkeypatch.chdir(tmp_path)


def test_what_was_logged_before_a_flush_is_stored_after_it(open_at, stored):
    uri, client = stored
    tracker = open_at(uri)
    tracker.start()
    for step in range(1, 31):
        tracker.metrics({"epoch/loss": 1 / step}, step)
    tracker.picture(np.zeros((4, 6, 3), "uint8"), "strip", 0)
    tracker.flush()
    assert len(client().list_artifacts(tracker.run_id, "images")) == 2, "the picture and its thumbnail"
    points = client().get_metric_history(tracker.run_id, "epoch/loss")
    assert [(point.step, point.value) for point in points] == [(step, 1 / step) for step in range(1, 31)]
    tracker.finish("FINISHED")
    assert client().get_run(tracker.run_id).info.status == "FINISHED"


def test_a_call_does_not_wait_for_mlflow(open_at, stored, monkeypatch):
    tracker = open_at(stored[0])
    tracker.start()
    go_on, logged = Event(), []
    monkeypatch.setattr(tracker.mlflow, "log_metrics", lambda values, **_: logged.append(go_on.wait(60)))
    tracker.metrics({"loss": 1.0}, 1)
    assert not logged, "it would hang here for a minute otherwise"
    go_on.set()
    tracker.finish("FINISHED")
    assert logged == [True]


def test_a_record_that_is_lost_stops_nothing_and_is_told(open_at, stored, monkeypatch, capsys):
    uri, client = stored
    tracker = open_at(uri)
    tracker.start()
    monkeypatch.setattr(tracker.mlflow, "log_metrics", lambda values, **_: 1 / 0)
    for step in range(2):
        tracker.metrics({"loss": 1.0}, step)
    tracker.parameters({"seed": 1})
    tracker.finish("FINISHED")
    assert client().get_run(tracker.run_id).data.params == {"seed": "1"}
    told = capsys.readouterr().err
    assert f"2 of 4 records did not reach MLflow at {uri}, the first because: division by zero" in told


def test_a_picture_that_is_lost_is_told(open_at, stored, monkeypatch, capsys):
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    tracker = open_at(stored[0])
    tracker.start()
    monkeypatch.setattr(LocalArtifactRepository, "log_artifact", lambda *args: 1 / 0)
    tracker.picture(np.zeros((4, 6, 3), "uint8"), "strip", 0)
    tracker.finish("FINISHED")
    assert "1 of 2 records did not reach MLflow" in capsys.readouterr().err


def test_after_three_failures_in_a_row_nothing_but_the_end_is_sent(open_at, stored, monkeypatch, capsys):
    uri, client = stored
    tracker = open_at(uri)
    tracker.start()
    tried = []
    monkeypatch.setattr(tracker.mlflow, "log_metrics", lambda values, **_: tried.append(values) or 1 / 0)
    for step in range(10):
        tracker.metrics({"loss": step}, step)
    tracker.finish("KILLED")
    assert [values["loss"] for values in tried] == [0, 1, 2]
    assert "10 of 11 records" in capsys.readouterr().err
    assert client().get_run(tracker.run_id).info.status == "KILLED"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sqlite:////data/runs.db", "file:///data/mlartifacts"),
        ("http://127.0.0.1:5000", None),
        ("postgresql://host/runs", None),
    ],
)
def test_artifacts_lie_beside_the_database_wherever_a_job_runs(uri, expected):
    assert artifact_location(uri) == expected


def test_a_database_that_cannot_be_made_is_told_at_the_start(open_at, tmp_path):
    (tmp_path / "file").write_text("no folder")
    tracker = open_at(f"sqlite:///{tmp_path / 'file' / 'runs.db'}")
    try:
        with pytest.raises(UserError, match="tracking=off"):
            tracker.start()
    finally:
        tracker.finish("FAILED")
