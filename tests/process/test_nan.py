"""A loss or a gradient that is not finite: the run ends or steps back, and nothing is spoiled."""

import re

import numpy as np
import pytest
from messages import assert_wording
from processes import go_on, resume, start, train
from trained import PLAN, STEPS, assert_same, last_state, rows
from troubles import at

pytestmark = pytest.mark.slow


@pytest.mark.once
def test_nan_ends_the_run_and_names_the_photos_and_spoils_nothing(undisturbed, tmp_path):
    folder = tmp_path / "run"
    for how, step, epoch, found in (
        ("loss", 20, 0, "loss.smooth_l1 is not"),
        ("gradient", 40, 1, "the gradient is not"),
    ):
        bad = at(how, step)
        training = resume(folder, sabotage=bad) if epoch else start(folder, *PLAN, sabotage=bad)
        assert training.end() == 2, training.written
        photos = re.findall(r"\S+\.jpg", training.refusal)
        assert len(photos) == 8 and "Traceback" not in training.written
        place = f"step {step + 1} (epoch {epoch + 1})"
        first = re.search(r"The output of every layer.+?\.(?= Training)", training.refusal)[0]
        assert found in first
        assert_wording("trainer.on_nan.ends", training.refusal, place=place, photos=", ".join(photos), first=first)
        arrays, counters = last_state(folder)
        assert (counters.step, counters.epoch, counters.step_in_epoch) == (step, epoch, step - epoch * STEPS)
        assert all(np.isfinite(array).all() for array in arrays.values())
        assert counters.history == [] if epoch == 0 else len(rows(folder)) == 1
    go_on(folder)  # nobody spoils it now: it is the batch as it should be
    assert_same(folder, undisturbed)


@pytest.mark.once
def test_stepping_back_goes_on_with_a_smaller_learning_rate(undisturbed, tmp_path):
    folder = tmp_path / "run"
    # Each time it is gathered twice: to be trained on, and to see which layer is the first that is not finite.
    training = train(folder, *PLAN, "trainer.on_nan.action=rollback", sabotage=at("gradient", 40, times=4))
    assert training.written.count("Rollback") == 2 and "Rollback 1 of 3: on from step 35" in training.written
    before, after = [[float(row["learning_rate"]) for row in rows(f)] for f in (undisturbed, folder)]
    np.testing.assert_allclose(after, [before[0], before[1] / 4, before[2] / 4], rtol=1e-5)
    assert last_state(folder)[1].rollbacks == 2


@pytest.mark.once
def test_stepping_back_is_bounded(tmp_path):
    folder = tmp_path / "run"
    plan = [*PLAN, "trainer.on_nan.action=rollback", "trainer.on_nan.max_rollbacks=2"]
    training = start(folder, *plan, sabotage=at("loss", 33))
    assert training.end() == 2
    photos = re.findall(r"\S+\.jpg", training.refusal)
    assert_wording("trainer.on_nan.max_rollbacks", training.refusal, photos=", ".join(photos))
    assert training.written.count("Rollback") == 2
