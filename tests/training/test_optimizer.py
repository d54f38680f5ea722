"""The optimizer: what it averages, how it clips, its learning rates, and steps that are not finite."""

import keras
import numpy as np
import pytest
from efficientnets import LITE
from keras import ops
from troubles import WHITE, spoil

from colorize.models.colorizer import build_network
from colorize.models.losses import SmoothL1Loss
from colorize.training.learner import Learner
from colorize.training.optimizer import build_optimizer, guarded
from colorize.training.state import arrays_of
from colorize.training.variables import averaged_weights


def test_averaged_weights_are_the_average_and_leave_no_trace(config_of, noise):
    config = config_of("decoder.dropout=0")
    colorizer = Learner(build_network(config))
    colorizer.compile(optimizer=build_optimizer(config.optimizer, epochs=2, steps_per_epoch=3))

    def weights():  # those that are trained; the statistics of the normalisation are averages already
        return [keras.ops.convert_to_numpy(variable).copy() for variable in colorizer.network.trainable_variables]

    seen = [weights()]

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if keras.backend.backend() == "jax":
                self.model.jax_state_sync()
            seen.append(weights())

        def on_epoch_end(self, epoch, logs=None):
            momentum = config.optimizer.ema_decay
            expected = seen[1]  # the first step starts the average, the initial weights are forgotten
            for step in seen[2:]:
                expected = [momentum * a + (1 - momentum) * w for a, w in zip(expected, step)]
            with averaged_weights(self.model):
                self.model.evaluate(noise(2, 16, 32), verbose=0)
                inside = weights()
            for a, b in zip(inside, expected):
                np.testing.assert_allclose(a, b, atol=1e-6)
            for a, b in zip(weights(), seen[-1]):
                np.testing.assert_array_equal(a, b)

    colorizer.fit(noise(6, 16, 32), batch_size=2, epochs=2, verbose=0, callbacks=[Watch()])
    assert len(seen) == 7


@pytest.mark.once  # on JAX an optimizer is only ever asked for its next state
@pytest.mark.parametrize("size", [0.0, 0.1, 100.0])
def test_a_gradient_is_scaled_down_as_by_keras(size):
    gradients = [size * np.arange(6, dtype="float32").reshape(2, 3), np.float32([-size, size])]
    ours, theirs = ([keras.Variable(np.zeros_like(g)) for g in gradients] for _ in range(2))
    optimizers = guarded(keras.optimizers.AdamW)(0.1, clip_norm=2.0), keras.optimizers.AdamW(0.1, global_clipnorm=2.0)
    for optimizer, variables in zip(optimizers, (ours, theirs)):
        optimizer.build(variables)
        optimizer.apply(list(map(ops.convert_to_tensor, gradients)))
    for our, their in zip(ours, theirs):
        np.testing.assert_array_equal(ops.convert_to_numpy(our), ops.convert_to_numpy(their))


def test_the_learning_rate_rises_and_falls_to_zero(config_of):
    settings = config_of("optimizer.warmup_fraction=0.25", "optimizer.learning_rate=0.01").optimizer
    rate = build_optimizer(settings, epochs=10, steps_per_epoch=4)._learning_rate
    rates = [float(rate(step)) for step in range(41)]
    assert rates[0] == 0 and max(rates) == pytest.approx(0.01) and rates.index(max(rates)) == 10
    assert rates[:11] == sorted(rates[:11]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[40] == pytest.approx(0, abs=1e-8)
    assert build_optimizer(settings, epochs=1, steps_per_epoch=1)  # one step in all leaves none to warm up in


def test_the_encoder_learns_at_its_own_rate_and_is_not_pulled_to_zero(config_of):
    """One step of AdamW on a gradient of 1 moves a weight by the learning rate, whatever the gradient's size."""
    config = config_of(*LITE, "encoder.trainable=all")
    optimizer = config.optimizer.model_copy(update={"warmup_fraction": 0.0, "weight_decay": 0.5, "clip_norm": 1e9})
    slow, fast = (keras.Variable(np.full((2, 2), 3.0, "float32"), name=name) for name in ("slow", "fast"))
    built = build_optimizer(optimizer, 1, 100, slow=[slow], slow_factor=0.1)
    built.build([slow, fast])
    gradients, rate = [ops.ones((2, 2)), ops.ones((2, 2))], optimizer.learning_rate
    if keras.backend.backend() == "jax":
        (slow, fast), _ = built.stateless_apply([v.value for v in built.variables], gradients, [slow.value, fast.value])
    else:
        built.apply(gradients, [slow, fast])
    np.testing.assert_allclose(ops.convert_to_numpy(slow), 3.0 - 0.1 * rate, rtol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(fast), 3.0 * (1 - 0.5 * rate) - rate, rtol=1e-5)


@pytest.mark.slow
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


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_gradients_of_three_batches_move_the_weights_as_those_of_one_of_three_times_the_size(
    optimizer, config_of, noise
):
    plain = ["encoder.filters=[4]", "fusion=none", "encoder.normalization=none", "decoder.normalization=none"]
    plain += ["decoder.dropout=0", "loss=l2_unweighted", f"optimizer={optimizer}", "optimizer.warmup_fraction=0"]
    photos = noise(18, 16, 32)

    def trained(accumulate, epochs=2, batches=3):
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        config = config_of(*plain, f"optimizer.accumulate={accumulate}")
        learner = Learner(build_network(config))
        learner.compile(optimizer=build_optimizer(config.optimizer, epochs, batches * accumulate))
        size = 6 // accumulate
        learner.fit(photos, batch_size=size, shuffle=False, epochs=epochs, verbose=0)
        with averaged_weights(learner):
            averages = [variable.numpy().copy() for variable in learner.trainable_variables]
        return [variable.numpy() for variable in learner.trainable_variables], averages

    for ours, expected in zip(trained(3), trained(1)):
        for our, other in zip(ours, expected):
            np.testing.assert_allclose(our, other, atol=1e-5)
    untrained, _ = trained(3, epochs=0)
    assert max(np.abs(a - b).max() for a, b in zip(trained(3)[0], untrained)) > 1e-3
