"""What befalls long jobs, done for real to real processes: signals, full disks, lost folders, dying workers."""

import functools
import json
import re
import signal

import pytest
from messages import assert_wording
from processes import go_on, resume, start, train
from trained import PLAN, assert_same, before, die_at, last_state
from troubles import MOMENTS, TROUBLE, hang_or_die, signals_at, spoil_photos, trouble

from colorize.training.clock import Clock

pytestmark = [pytest.mark.once, pytest.mark.slow]


def stopped_at(folder, moment: str, is_first: bool, *numbers: int):
    """A process of a run that gets signals at a moment: what it wrote, and the counters of the last checkpoint."""
    sabotage = functools.partial(signals_at, moment, *numbers)
    training = start(folder, *PLAN, sabotage=sabotage) if is_first else resume(folder, sabotage=sabotage)
    assert training.end() == 128 + numbers[0], training.written
    assert f"stopped by {signal.Signals(numbers[0]).name}" in training.written
    assert "Traceback" not in training.written and not (folder / "result.json").exists()
    return training.written, last_state(folder)[1]


def test_a_signal_ends_the_run_after_one_checkpoint_from_which_it_goes_on(undisturbed, tmp_path):
    folder, steps = tmp_path / "run", []
    for number, moment in enumerate(list(MOMENTS)[1:]):
        told, counters = stopped_at(folder, moment, number == 0, (signal.SIGTERM, signal.SIGINT)[number % 2])
        assert f"resume={folder}" in told
        steps.append((counters.epoch, counters.step_in_epoch))
    go_on(folder)
    assert_same(folder, undisturbed)
    assert steps == [(0, 0), (0, 11), (1, 0), (2, 0), (2, 2), (3, 0)], "each after the step, or the epoch, it came in"


def test_a_signal_before_the_first_step_leaves_no_run_behind(tmp_path):
    folder = tmp_path / "run"
    sabotage = functools.partial(signals_at, "before the first step", signal.SIGTERM)
    training = start(folder, *PLAN, sabotage=sabotage)
    assert training.end() == 143 and "nothing was trained yet" in training.written
    assert "Traceback" not in training.written
    train(folder, *PLAN, "trainer.epochs=1")  # the folder is free


def test_a_second_signal_ends_it_at_once(undisturbed, tmp_path):
    folder, steps = tmp_path / "run", []
    for number, moment in enumerate(["training", "validation", "saving"]):
        _, counters = stopped_at(folder, moment, number == 0, signal.SIGTERM, signal.SIGTERM)
        steps.append(counters.step)
    go_on(folder)  # from an earlier checkpoint
    assert_same(folder, undisturbed)
    assert steps == [10, 25, 25], "those of the plan"


@pytest.mark.parametrize("kind", TROUBLE)
def test_training_goes_on_while_nothing_can_be_written_and_ends_after_some_misses(kind, undisturbed, tmp_path):
    folder = tmp_path / "run"
    training = start(folder, *PLAN, sabotage=functools.partial(trouble, kind, 27, 1000))
    assert training.end() == 2, training.written
    assert "Traceback" not in training.written
    system = re.search(r"\((\[Errno .+)\);", training.refusal)[1]
    key = {"full disk": "checkpoint.not_written", "read-only folder": "checkpoint.not_written_nor_looked_at"}[kind]
    assert_wording(key, training.refusal, reason=system)
    assert last_state(folder)[1].step == 25
    told = go_on(folder, sabotage=functools.partial(trouble, kind, 3, 9)).written  # the checkpoint of step 30, and why
    assert "a checkpoint could not be written: " in told and "it is tried again" in told
    assert_same(folder, undisturbed)


def test_two_runs_in_one_folder_the_second_refuses(undisturbed, tmp_path):
    folder = tmp_path / "run"
    first = start(folder, *PLAN)
    first.until(lambda: any((folder / "checkpoints").glob("*.safetensors")), "a checkpoint")
    second, resumed = start(folder, *PLAN), resume(folder)
    assert second.end() == resumed.end() == 2
    found = re.search(r"holds (\S+) of", second.refusal)[1]
    assert_wording("hydra.run.dir.taken", second.refusal, found=found)
    assert_wording("hydra.run.dir.in_use", resumed.refusal)
    assert "Traceback" not in second.written and "Traceback" not in resumed.written
    assert first.end() == 0
    assert_same(folder, undisturbed)


def test_photos_that_vanish_in_mid_run_change_nothing_but_a_resume(photo_folder, tmp_path):
    photos = ["data=folder", f"data.root={photo_folder}", "data.batch_size=2", "data.val_fraction=0.4", *PLAN]
    quiet, folder, stopped = tmp_path / "quiet", tmp_path / "run", tmp_path / "stopped"
    train(quiet, *photos)
    assert start(stopped, *photos, sabotage=functools.partial(die_at, 9, True)).end() == -signal.SIGKILL
    spoil = functools.partial(before, Clock, "_advance", functools.partial(spoil_photos, str(photo_folder)), 7)
    train(folder, *photos, sabotage=spoil)
    assert_same(folder, quiet)
    refused = go_on(stopped, status=2)
    assert "Traceback" not in refused.written
    assert_wording("resume.photos", refused.refusal)


HASTY = "trainer.batch_timeout_seconds=1"


def test_a_data_worker_that_hangs_or_dies_for_good_ends_the_run_and_names_the_photos(undisturbed, tmp_path):
    folder = tmp_path / "run"
    for how, key, step in (("hangs", "data.batch.late", 20), ("dies", "data.batch.error", 40)):
        sabotage = functools.partial(hang_or_die, how, step)
        training = resume(folder, sabotage=sabotage) if step > 20 else start(folder, *PLAN, HASTY, sabotage=sabotage)
        assert training.end() == 2, training.written
        photos = re.findall(r"\S+\.jpg", training.refusal)
        assert len(photos) == 8 and "Traceback" not in training.written
        assert_wording(key, training.refusal, photos=", ".join(photos))
        assert last_state(folder)[1].step == step, "nothing before it is lost"
    go_on(folder)
    assert_same(folder, undisturbed)


def test_a_finished_run_says_so_and_goes_on_where_more_epochs_are_asked_for(undisturbed, tmp_path):
    assert_wording("resume.finished", go_on(undisturbed, status=2).refusal)
    folder = tmp_path / "run"
    train(folder, *PLAN, "trainer.epochs=1")
    told = go_on(folder, "trainer.epochs=2").written
    assert "changed: trainer.epochs: 1 in the run, 2 here" in told
    assert json.loads((folder / "result.json").read_text())["epochs"] == 2
