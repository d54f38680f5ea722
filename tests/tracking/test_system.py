"""The machine is measured while a run goes on."""

from queue import SimpleQueue
from threading import Event

import pytest

from colorize.config.compose import composed
from colorize.tracking.open_tracker import open_tracker

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


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


def test_the_machines_of_other_processes_are_measured_too(open_at, stored, tmp_path, monkeypatch):
    uri, client = stored
    monkeypatch.setattr("colorize.tracking.system.EVERY", 0.05)
    logged, told = open_at(uri), SimpleQueue()
    other = open_tracker(composed([]), tmp_path, is_first=False)
    other.measure(told.put)
    logged.start()
    values = told.get(timeout=60)
    other.finish("FINISHED")
    logged.measured(3, values)
    logged.finish("FINISHED")
    (point,) = client().get_metric_history(logged.run_id, "system/3/system_memory_usage_percentage")
    assert point.value == pytest.approx(values["system/system_memory_usage_percentage"])


def test_without_tracking_no_machine_is_measured(tmp_path):
    other = open_tracker(composed(["tracking=off"]), tmp_path, is_first=False)
    other.measure(pytest.fail)
    other.finish("FINISHED")
    assert not hasattr(other, "system")
