"""The machine is measured while a run goes on."""

from threading import Event

import pytest

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
