"""Runs that end before their last epoch: a budget of minutes, and patience."""

import functools
import json

import pytest
from messages import assert_wording
from processes import resume, start, train
from trained import EPOCHS, PLAN, STEPS, assert_same, last_state, rows

from colorize.training.clock import Clock

pytestmark = pytest.mark.slow


def over_after(steps: int) -> None:
    """In the process of a training: the minutes are over once so many steps are done."""

    def seconds(clock):
        return 60 * (5 if clock.state.step >= steps else 1)

    original = Clock.__init__

    def init(clock, *arguments):
        original(clock, *arguments)
        clock.seconds = functools.partial(seconds, clock)

    Clock.__init__ = init


@pytest.mark.parametrize("steps", [1, STEPS + 11, 2 * STEPS])
def test_a_run_whose_minutes_are_over_is_evaluated_and_goes_on_exactly(steps, undisturbed, tmp_path):
    folder = tmp_path / "run"
    ended = start(folder, *PLAN, "trainer.max_minutes=3", sabotage=functools.partial(over_after, steps))
    assert ended.end() == 0, ended.written
    assert last_state(folder)[1].step == steps
    result = json.loads((folder / "result.json").read_text())
    assert result["epochs"] == steps // STEPS and result["metrics"]["ab_rmse"] > 0
    told = [line for line in ended.written.replace("\n", " ").split("trainer.max_minutes=3 ")[1:]]
    assert told and f"at step {steps}, epoch {steps // STEPS + 1} of {EPOCHS}" in told[0], ended.written
    assert f"resume={folder} trainer.max_minutes=6" in ended.written.replace("\n", " ")
    resumed = resume(folder, "trainer.max_minutes=60")
    assert resumed.end() == 0, resumed.written
    assert_same(folder, undisturbed)


def test_the_minutes_of_all_processes_count_from_the_start_of_the_program(tmp_path):
    folder = tmp_path / "run"
    told = train(folder, *PLAN, "trainer.max_minutes=0.0001").written.replace("\n", " ")
    assert last_state(folder)[1].step == 1, "at least one step"
    assert "trainer.max_minutes=0.0001 are over at step 1" in told
    again = resume(folder, "trainer.max_minutes=0.0001")  # it has had more than that already
    assert again.end() == 0 and last_state(folder)[1].step == 1, again.written


def test_a_run_without_patience_left_ends_and_is_finished(undisturbed, tmp_path):
    """With a learning rate of nearly nothing, averaged weights hardly move: the first epoch stays the best."""
    folder = tmp_path / "run"
    plan = [*PLAN, "trainer.epochs=9", "optimizer.learning_rate=1e-12", "trainer.patience=2"]
    ended = start(folder, *plan)
    assert ended.end() == 0, ended.written
    result, counters = json.loads((folder / "result.json").read_text()), last_state(folder)[1]
    assert counters.epoch == counters.best_epoch + 2 < 9 and counters.step_in_epoch == 0
    assert result["epochs"] == len(rows(folder)) == counters.epoch and result["best_epoch"] == counters.best_epoch
    assert "trainer.patience=2: no lower ab RMSE on val since epoch" in ended.written.replace("\n", " ")
    again = resume(folder)
    assert again.end() == 2
    assert_wording("resume.patience", again.refusal, folder=folder)
    more = resume(folder, "trainer.patience=3")
    assert more.end() == 0, more.written
    assert last_state(folder)[1].epoch > counters.epoch
