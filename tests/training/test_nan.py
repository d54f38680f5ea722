"""A loss or a gradient that is not finite: noticed within the step, which changes nothing."""

import keras
import numpy as np
import pytest
from keras import ops
from processes import go_on, resume, start, train
from trained import PLAN, STEPS, assert_same, last_state, rows

from colorize.data.batches import Batches
from colorize.models.colorizer import build_network
from colorize.models.losses import SmoothL1Loss
from colorize.training.learner import Learner
from colorize.training.optimizer import build_optimizer
from colorize.training.state import arrays_of

pytestmark = pytest.mark.slow

WHITE = 255
"""A batch of nothing else is the bad one here."""


def spoil(how: str) -> None:
    """The loss of a white batch is NaN; or its value is fine and its gradient is not; or the gradient's norm alone."""
    loss = SmoothL1Loss.__call__

    def spoiled(term, ab, output):
        is_bad = ops.all(ops.abs(ab) < 0.1)
        if how == "loss":
            return loss(term, ab, output) * ops.where(is_bad, float("nan"), 1.0)
        if how == "norm":
            return loss(term, ab, output) * ops.where(is_bad, 1e25, 1.0)
        root = ops.sqrt(ops.where(is_bad, output - ops.stop_gradient(output), 1.0))  # of 0: its slope is infinite
        return loss(term, ab, output) + ops.sum(root - ops.stop_gradient(root))

    SmoothL1Loss.__call__ = spoiled


def whiten(step: int, times: int) -> None:
    """In the process of a training: batch `step` is bad, so many times that it is gathered."""
    gather, seen = Batches.batch, []

    def batch(batches, number):
        rgb = gather(batches, number)
        if number == step and len(seen) < times:
            seen.append(number)
            return np.full_like(rgb, WHITE)
        return rgb

    Batches.batch = batch


def sabotage(how: str, step: int, times: int) -> None:
    """Both."""
    spoil(how)
    whiten(step, times)


def at(how, step, times=1000):
    """Something that can be sent to another process."""
    import functools

    return functools.partial(sabotage, how, step, times)


@pytest.mark.parametrize("how", ["loss", "gradient", "norm"])
def test_a_step_that_is_not_finite_changes_nothing_and_neither_does_any_after_it(how, config_of, noise, monkeypatch):
    monkeypatch.setattr(SmoothL1Loss, "__call__", SmoothL1Loss.__call__)  # put back at the end
    spoil(how)
    config = config_of("encoder.filters=[4]", "fusion=none")
    photos = noise(12, 16, 32)
    photos[6:8] = WHITE

    def trained(number, spoiled=False):
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        learner = Learner(build_network(config))
        learner.compile(optimizer=build_optimizer(config.optimizer, 2, 6))
        seen = []
        look = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(int(logs["halted"])))
        learner.fit(photos[:number], batch_size=2, shuffle=False, verbose=0, callbacks=[look])
        return arrays_of(learner), seen

    before, seen = trained(6)
    assert seen == [0, 0, 0]
    after, seen = trained(12)
    assert seen == [0, 0, 0, 1, 1, 1]
    (halted,) = [name for name in after if name.endswith("halted")]
    assert before.pop(halted) == 0 and after.pop(halted) == 1
    (iterations,) = [name for name in after if name.endswith("iteration")]
    assert after[iterations] == 3, "which says which step it was"
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)


@pytest.mark.once
def test_nan_ends_the_run_and_names_the_photos_and_spoils_nothing(undisturbed, tmp_path):
    folder = tmp_path / "run"
    for how, step, epoch in (("loss", 20, 0), ("gradient", 40, 1)):
        bad = at(how, step)
        training = resume(folder, sabotage=bad) if epoch else start(folder, *PLAN, sabotage=bad)
        assert training.end() == 2, training.written
        told = training.written
        assert f"In step {step + 1} (epoch {epoch + 1}) the loss, a gradient or its norm is not finite" in told
        assert "trainer.on_nan.action=rollback" in told and ".jpg" in told and "Traceback" not in told
        arrays, counters = last_state(folder)
        assert (counters.step, counters.epoch, counters.step_in_epoch) == (step, epoch, step - epoch * STEPS)
        assert all(np.isfinite(array).all() for array in arrays.values())
        assert counters.history == [] if epoch == 0 else len(rows(folder)) == 1
    go_on(folder)  # nobody spoils it now: it is the batch as it should be
    assert_same(folder, undisturbed)


@pytest.mark.once
def test_stepping_back_goes_on_with_a_smaller_learning_rate(undisturbed, tmp_path):
    folder = tmp_path / "run"
    training = train(folder, *PLAN, "trainer.on_nan.action=rollback", sabotage=at("gradient", 40, times=2))
    assert training.written.count("Rollback") == 2 and "Rollback 1 of 3: on from step 35" in training.written
    before, after = [[float(row["learning_rate"]) for row in rows(f)] for f in (undisturbed, folder)]
    np.testing.assert_allclose(after, [before[0], before[1] / 4, before[2] / 4], rtol=1e-5)
    assert last_state(folder)[1].rollbacks == 2


@pytest.mark.once
def test_stepping_back_is_bounded(tmp_path):
    folder = tmp_path / "run"
    plan = [*PLAN, "trainer.on_nan.action=rollback", "trainer.on_nan.max_rollbacks=2"]
    training = start(folder, *plan, sabotage=at("loss", 33))
    assert training.end() == 2 and "ends after 2 rollbacks" in training.written
    assert training.written.count("Rollback") == 2
