"""Tracking beside a training: order, failure, the end. With a server that dies: `test_server.py`."""

import json
import os
import subprocess
import sys
from threading import Event

import numpy as np
import pytest

from colorize.config.base import PROJECT
from colorize.config.training import MlflowTracking
from colorize.errors import UserError
from colorize.tracking import sender
from colorize.tracking.client import StoredRuns, artifact_location
from colorize.tracking.delivery import Delivery
from colorize.tracking.journal import Journal
from colorize.tracking.tracker import MlflowTracker, open_tracker
from colorize.tracking.views import experiment_tags

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


@pytest.fixture
def open_at(config_of, tmp_path):
    """Opens a tracker at a URI, in an output folder."""
    config = config_of()

    def at(uri: str) -> MlflowTracker:
        tracking = MlflowTracking(name="mlflow", uri=uri, experiment="tests", patience=1.0, register=None)
        return open_tracker(config.model_copy(update={"tracking": tracking}), tmp_path)

    return at


@pytest.fixture
def stored(tmp_path):
    """The URI of a new database, and a client of it."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    return uri, lambda: MlflowClient(uri)


def test_an_experiment_of_before_gets_the_view_of_results_and_keeps_what_was_chosen(stored):
    uri, client = stored
    chosen = {"mlflow.experimentKind": "genai_development", "team": "ours"}
    created = client().create_experiment("old", tags=chosen)
    assert client().get_run(StoredRuns(uri).start("old", "a sweep", {})).info.experiment_id == created
    tags = client().get_experiment(created).tags
    assert tags.items() >= (experiment_tags(created) | chosen).items()


def steps_of(client, run_id, key="epoch/loss"):
    return [(point.step, point.value) for point in client.get_metric_history(run_id, key)]


def test_what_was_logged_before_a_flush_is_stored_after_it(open_at, stored):
    uri, client = stored
    tracker = open_at(uri)
    tracker.start()
    for step in range(1, 31):
        tracker.metrics({"epoch/loss": 1 / step}, step)
    tracker.picture(np.zeros((4, 6, 3), "uint8"), "epoch/grid", 0)
    tracker.flush()
    pictures = [file.path for file in client().list_artifacts(tracker.run_id, "images")]
    assert len(pictures) == 2 and all(path.startswith("images/epoch~grid+step+0+") for path in pictures), pictures
    assert steps_of(client(), tracker.run_id) == [(step, 1 / step) for step in range(1, 31)]
    tracker.finish("FINISHED")
    assert client().get_run(tracker.run_id).info.status == "FINISHED"


def test_no_call_waits_and_more_records_than_the_queue_holds_arrive_in_their_order(open_at, stored, monkeypatch):
    uri, client = stored
    monkeypatch.setattr(sender, "QUEUED", 5)
    tracker = open_at(uri)
    tracker.start()
    go_on, deliver = Event(), Delivery.deliver
    monkeypatch.setattr(Delivery, "deliver", lambda *args: go_on.wait(60) and deliver(*args))
    for step in range(40):  # it would hang here for a minute otherwise
        tracker.metrics({"epoch/loss": float(step)}, step)
    go_on.set()
    tracker.finish("FINISHED")
    assert steps_of(client(), tracker.run_id) == [(step, float(step)) for step in range(40)]


def test_the_end_waits_longer_for_a_model_than_for_an_answer(open_at, stored, monkeypatch):
    uri, client = stored
    tracker = open_at(uri)
    tracker.start()
    monkeypatch.setattr(Delivery, "_model", lambda *args: Event().wait(2.5))
    tracker.patience, tracker.sender._waited = 0.2, 0.0
    tracker._record("model")
    for number in range(20):  # and what comes after it is waited for as ever
        tracker.metrics({"epoch/loss": float(number)}, number)
    tracker.finish("FINISHED")
    assert tracker.sender.delivered == tracker.journal.count
    assert client().get_run(tracker.run_id).info.status == "FINISHED"


def test_a_record_that_mlflow_refuses_stops_nothing_and_is_reported(open_at, stored, capsys):
    uri, client = stored
    tracker = open_at(uri)
    tracker.start()
    tracker.parameters({"seed": 1})
    tracker.parameters({"seed": 2})  # MLflow never changes one
    tracker.tags({"after": "it"})
    tracker.finish("FINISHED")
    run = client().get_run(tracker.run_id)
    assert run.data.params == {"seed": "1"} and run.data.tags["after"] == "it" and run.info.status == "FINISHED"
    tracker.tell()
    assert f"MLflow at {uri} refused 1 records, the first: " in capsys.readouterr().err


def test_a_run_that_mlflow_does_not_know_is_delivered_anew_from_its_beginning(open_at, stored):
    uri, client = stored
    first = open_at(uri)
    first.start()
    first.metrics({"epoch/loss": 1.0}, 1)
    first.finish("KILLED")
    first.sender._thread.join()
    marks = first.output / "tracking" / "delivered.json"
    marks.write_text(marks.read_text().replace(first.run_id, "0" * 32))
    client().delete_run(first.run_id)  # and the one that it had is no longer found
    second = open_at(uri)
    second.start()
    second.metrics({"epoch/loss": 2.0}, 2)
    second.finish("FINISHED")
    assert second.run_id not in (first.run_id, "0" * 32)
    assert steps_of(client(), second.run_id) == [(1, 1.0), (2, 2.0)]


def test_damaged_lines_and_pictures_stop_neither_a_run_nor_a_delivery(open_at, stored):
    uri, client = stored
    first = open_at(uri)
    first.start()
    first.picture(np.zeros((4, 6, 3), "uint8"), "strip", 1)
    first.finish("KILLED")
    first.sender._thread.join()
    (first.output / "tracking" / "delivered.json").unlink()
    (first.output / "tracking" / "pictures" / "strip+1.png").write_bytes(b"")
    with open(first.journal.path, "ab") as file:
        file.write(b'\0\0\n[]\n{"kind": "_eq__", "time": 1}\n')
    second = open_at(uri)
    second.start()
    second.metrics({"epoch/loss": 2.0}, 2)
    second.finish("FINISHED")
    assert steps_of(client(), first.run_id) == [(2, 2.0)] and len(second.sender.refusals) == 4


def test_mlflow_that_does_not_answer_for_a_while_gets_everything_in_the_end(open_at, stored, monkeypatch, capsys):
    uri, client = stored
    monkeypatch.setattr(sender, "PAUSES", (0.05,))
    tracker = open_at(uri)
    tracker.start()
    deliver, tries = Delivery.deliver, []

    def unsteady(*args):
        tries.append(args)
        if len(tries) < 4:
            raise ConnectionError("nobody there")
        deliver(*args)

    monkeypatch.setattr(Delivery, "deliver", unsteady)
    for step in range(6):
        tracker.metrics({"epoch/loss": float(step)}, step)
    while tracker.sender.delivered < tracker.journal.count:
        Event().wait(0.02)
    assert steps_of(client(), tracker.run_id) == [(step, float(step)) for step in range(6)]
    tracker.finish("FINISHED")
    told = capsys.readouterr().err
    assert told.count("does not answer: nobody there") == 1 and told.count(f"MLflow at {uri} answers again") == 1


def test_a_run_that_goes_on_logs_no_step_twice_unless_it_takes_another_course(open_at, stored):
    uri, client = stored
    first = open_at(uri)
    first.start()
    for step in (1, 2, 3):
        first.metrics({"epoch/loss": float(step), "epoch/val": 0.5}, step)
    first.picture(np.zeros((4, 6, 3), "uint8"), "strip", 2)
    first.finish("KILLED")
    second = open_at(uri)
    assert not second.is_new
    second.start()
    assert second.run_id == first.run_id and client().get_run(first.run_id).info.status == "RUNNING"
    for step in (2, 3, 4):
        second.metrics({"epoch/loss": float(step), "epoch/val": 0.5}, step)
    second.picture(np.ones((4, 6, 3), "uint8"), "strip", 2)
    second.flush()
    assert steps_of(client(), first.run_id) == [(step, float(step)) for step in (1, 2, 3, 4)]
    assert len(client().list_artifacts(first.run_id, "images")) == 2
    second.forget()
    second.metrics({"epoch/loss": 9.0}, 4)
    second.finish("FINISHED")
    assert steps_of(client(), first.run_id)[-1] == (4, 9.0)


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


def test_the_machine_is_measured_while_the_run_goes_on(open_at, stored, monkeypatch):
    uri, client = stored
    monkeypatch.setattr("colorize.tracking.system.EVERY", 0.05)
    logged = open_at(uri)
    logged.start()
    while logged.journal.count < 4:
        Event().wait(0.02)
    logged.finish("FINISHED")
    points = client().get_metric_history(logged.run_id, "system/system_memory_usage_percentage")
    assert [point.step for point in points] == list(range(len(points))) and 0 < points[0].value < 100


def test_half_a_line_that_a_killed_process_left_is_no_record_and_harms_none(tmp_path):
    first = Journal(tmp_path)
    first.add("tags", values={"a": "1"})
    with open(first.path, "a") as file:
        file.write('{"kind": "tags", "values": {"b"')
    second = Journal(tmp_path)
    assert second.count == 1
    assert second.add("tags", values={"c": "3"})[0] == 2
    assert [record["values"] for record in Journal(tmp_path).records()] == [{"a": "1"}, {"c": "3"}]


FULL = """
import json, resource, sys
from pathlib import Path
from colorize.tracking.journal import Journal

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

journal = Journal(Path(sys.argv[1]))
journal.add("tags", values={"number": 0})
limit(journal.path.stat().st_size + 30)
numbers = [journal.add("tags", values={"number": number})[0] for number in range(1, 5)]
on_full_disk = len(journal.records())
limit(resource.RLIM_INFINITY)
journal.add("tags", values={"number": 5})
print(json.dumps([numbers, on_full_disk, [record["values"]["number"] for record in Journal(journal.folder).records()]]))
"""


def test_a_full_disk_delays_records_and_loses_none(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", FULL, str(tmp_path / "tracking")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[2, 3, 4, 5], 1, [0, 1, 2, 3, 4, 5]]
    assert done.stderr.count("could not be written: No space left on device. Training goes on") == 1


def test_a_strangers_journal_sends_off_no_file_of_this_machine(tmp_path, stored, monkeypatch):
    from colorize.tracking.sync import sync

    secret, output = tmp_path / "secret.txt", tmp_path / "output"
    secret.write_text("mine")
    journal = Journal(output / "tracking")
    journal.add("start", key="k", experiment="tests", name="n", tags={})
    (output / "link").symlink_to(secret)
    for path in ("../secret.txt", str(secret), "link"):
        journal.add("file", path=path, folder=None)
    (output / "folder").mkdir()
    (output / "folder" / "link").symlink_to(secret)
    journal.add("folder", path="folder", name="folder")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stored[0])
    done = sync(output, stored[0])
    assert len(done.refused) == 4 and all("does not lie in" in reason for reason in done.refused)
    assert stored[1]().list_artifacts(done.run_id) == []
