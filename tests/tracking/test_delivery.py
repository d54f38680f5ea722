"""What MLflow is given of a journal, and what stops no delivery."""

import numpy as np
import pytest
from messages import assert_wording
from mlflow_steps import steps_of

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


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
    (mlflows,) = tracker.sender.refusals
    assert_wording("tracking.refused.parameter", capsys.readouterr().err, reason=mlflows)


def test_a_run_that_mlflow_does_not_know_is_delivered_anew_from_its_beginning(open_at, stored):
    uri, client = stored
    first = open_at(uri)
    first.start()
    first.metrics({"train/loss": 1.0}, 1)
    first.finish("KILLED")
    first.sender._thread.join()
    marks = first.output / "tracking" / "delivered.json"
    marks.write_text(marks.read_text().replace(first.run_id, "0" * 32))
    client().delete_run(first.run_id)  # and the one that it had is no longer found
    second = open_at(uri)
    second.start()
    second.metrics({"train/loss": 2.0}, 2)
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
    second.metrics({"train/loss": 2.0}, 2)
    second.finish("FINISHED")
    assert steps_of(client(), first.run_id) == [(2, 2.0)] and len(second.sender.refusals) == 4
