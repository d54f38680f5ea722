"""The optimizer: what it averages, how it clips, and its learning rate."""

import keras
import numpy as np
import pytest
from keras import ops

from colorize.models.colorizer import build_network
from colorize.training.learner import Learner
from colorize.training.optimizer import build_optimizer, guarded
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
