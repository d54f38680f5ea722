"""Delivering a run after the training, where somebody has deleted something meanwhile."""

import json

import pytest

from colorize.__main__ import main

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


def test_a_run_that_was_deleted_is_delivered_as_a_new_one(logged, capsys):
    tracker = logged("a")
    main(["sync", str(tracker.output)])
    assert f" 0 records delivered to {logged.uri}, run {tracker.run_id}" in capsys.readouterr().out
    logged.client.delete_run(tracker.run_id)
    main(["sync", str(tracker.output)])
    told = capsys.readouterr().out
    (found,) = logged.client.search_runs([logged.client.get_run(tracker.run_id).info.experiment_id])
    assert found.info.run_id != tracker.run_id and f"run {found.info.run_id}" in told
    assert f" {tracker.journal.count} records delivered" in told
    assert found.data.metrics["val_best/ab_rmse"] == 12.0
    assert logged.client.get_run(tracker.run_id).info.lifecycle_stage == "deleted", "it stays what it is"


def test_an_experiment_that_was_deleted_is_said_by_the_exit_status(logged, capsys):
    tracker = logged("a")
    logged.client.delete_experiment(logged.client.get_run(tracker.run_id).info.experiment_id)
    with pytest.raises(SystemExit) as ended:
        main(["sync", str(tracker.output)])
    told = capsys.readouterr()
    assert ended.value.code == 1 and " 0 records delivered" in told.out
    assert " refused:" in told.err and "experiment" in told.err and len(told.err.splitlines()) <= 4
    marks = json.loads((tracker.output / "tracking" / "delivered.json").read_text())[logged.uri]
    assert len(marks["refused"]) == tracker.journal.count, "kept for another try"
