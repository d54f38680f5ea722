"""Tracking beside a training: what is stored, what goes on, what cannot begin.

With a server that dies: `test_server.py`.
"""

import numpy as np
import pytest
from messages import refused
from mlflow_steps import steps_of

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


def test_what_was_logged_before_a_flush_is_stored_after_it(open_at, stored):
    uri, client = stored
    tracker = open_at(uri)
    tracker.start()
    for step in range(1, 31):
        tracker.metrics({"train/loss": 1 / step}, step)
    tracker.picture(np.zeros((4, 6, 3), "uint8"), "val/grid", 0)
    tracker.flush()
    pictures = [file.path for file in client().list_artifacts(tracker.run_id, "images")]
    assert len(pictures) == 2 and all(path.startswith("images/val~grid+step+0+") for path in pictures), pictures
    assert steps_of(client(), tracker.run_id) == [(step, 1 / step) for step in range(1, 31)]
    tracker.finish("FINISHED")
    assert client().get_run(tracker.run_id).info.status == "FINISHED"


def test_a_run_that_goes_on_logs_no_step_twice_unless_it_takes_another_course(open_at, stored):
    uri, client = stored
    first = open_at(uri)
    first.start()
    for step in (1, 2, 3):
        first.metrics({"train/loss": float(step), "val/loss": 0.5}, step)
    first.picture(np.zeros((4, 6, 3), "uint8"), "strip", 2)
    first.finish("KILLED")
    second = open_at(uri)
    assert not second.is_new
    second.start()
    assert second.run_id == first.run_id and client().get_run(first.run_id).info.status == "RUNNING"
    for step in (2, 3, 4):
        second.metrics({"train/loss": float(step), "val/loss": 0.5}, step)
    second.picture(np.ones((4, 6, 3), "uint8"), "strip", 2)
    second.flush()
    assert steps_of(client(), first.run_id) == [(step, float(step)) for step in (1, 2, 3, 4)]
    assert len(client().list_artifacts(first.run_id, "images")) == 2
    second.forget()
    second.metrics({"train/loss": 9.0}, 4)
    second.finish("FINISHED")
    assert steps_of(client(), first.run_id)[-1] == (4, 9.0)


def test_a_database_that_cannot_be_made_is_told_at_the_start(open_at, tmp_path):
    (tmp_path / "file").write_text("no folder")
    tracker = open_at(f"sqlite:///{tmp_path / 'file' / 'runs.db'}")
    try:
        with refused("tracking.uri.no_database"):
            tracker.start()
    finally:
        tracker.finish("FAILED")
