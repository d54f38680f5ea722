"""Records are sent beside a training, in their order, whatever the server does."""

from threading import Event

import pytest
from messages import assert_wording
from mlflow_steps import steps_of

from colorize.tracking import sender
from colorize.tracking.delivery import Delivery

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


def test_no_call_waits_and_more_records_than_the_queue_holds_arrive_in_their_order(open_at, stored, monkeypatch):
    uri, client = stored
    monkeypatch.setattr(sender, "QUEUED", 5)
    tracker = open_at(uri)
    tracker.start()
    go_on, deliver = Event(), Delivery.deliver
    monkeypatch.setattr(Delivery, "deliver", lambda *args: go_on.wait(60) and deliver(*args))
    for step in range(40):  # it would hang here for a minute otherwise
        tracker.metrics({"train/loss": float(step)}, step)
    go_on.set()
    tracker.finish("FINISHED")
    assert steps_of(client(), tracker.run_id) == [(step, float(step)) for step in range(40)]


def test_the_end_waits_longer_for_a_model_than_for_an_answer(open_at, stored, monkeypatch):
    uri, client = stored
    tracker = open_at(uri)
    tracker.start()
    monkeypatch.setattr(Delivery, "_model", lambda *args: Event().wait(4.0))
    tracker.patience, tracker.sender._waited = 1.0, 0.0
    tracker._record("model")
    for number in range(20):  # and what comes after it is waited for as ever
        tracker.metrics({"train/loss": float(number)}, number)
    tracker.finish("FINISHED")
    assert tracker.sender.delivered == tracker.journal.count
    assert client().get_run(tracker.run_id).info.status == "FINISHED"


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
        tracker.metrics({"train/loss": float(step)}, step)
    while tracker.sender.delivered < tracker.journal.count:
        Event().wait(0.02)
    assert steps_of(client(), tracker.run_id) == [(step, float(step)) for step in range(6)]
    tracker.finish("FINISHED")
    assert_wording("tracking.no_answer", capsys.readouterr().err)
