"""One loop for both directions computes what Keras's layer computes, with the same weights."""

import keras
import numpy as np
import pytest
from keras import layers

from colorize.models.fusion.bidirectional_gru import BidirectionalGru, bidirectional_gru

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="on TensorFlow cuDNN has a bidirectional GRU")


def model_of(kind, timesteps):
    """A model whose one layer with weights is of that kind, its biases not 0."""
    keras.utils.set_random_seed(0)
    given = keras.Input((timesteps, 5))
    gru = layers.GRU(3, return_sequences=True, bias_initializer="random_normal", name="gru")
    model = keras.Model(given, layers.Concatenate()(kind(gru, merge_mode=None, name="both")(given)))
    model.compile(keras.optimizers.SGD(1.0), loss="mse")
    return model


@pytest.mark.parametrize("timesteps", [1, 2, 7, 16, 17, 43])
def test_outputs_gradients_and_names_are_those_of_kerass_layer(timesteps):
    rng = np.random.default_rng(timesteps)
    sequences, target = rng.normal(size=(4, timesteps, 5)), rng.normal(size=(4, timesteps, 6))
    expected, ours = (model_of(kind, timesteps) for kind in (layers.Bidirectional, BidirectionalGru))
    assert [w.path for w in ours.weights] == [w.path for w in expected.weights]
    np.testing.assert_allclose(ours.predict(sequences, verbose=0), expected.predict(sequences, verbose=0), atol=1e-6)
    for model in (ours, expected):
        model.train_on_batch(sequences, target)  # at a learning rate of 1 the weights move by the gradient
    for one, other in zip(ours.get_weights(), expected.get_weights()):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_another_order_of_the_timesteps_is_another_result():
    model = model_of(BidirectionalGru, 6)
    sequences = np.random.default_rng(0).normal(size=(1, 6, 5))
    changed = sequences.copy()
    changed[:, 3] += 1
    moved = np.abs(model.predict(changed, verbose=0) - model.predict(sequences, verbose=0)).max(axis=0) > 1e-6
    assert moved[:, :3].all(axis=1).tolist() == [False, False, False, True, True, True], "forward: not before it"
    assert moved[:, 3:].all(axis=1).tolist() == [True, True, True, True, False, False], "backward: not after it"


def test_bfloat16_comes_out_in_bfloat16():
    gru = layers.GRU(3, return_sequences=True, dtype="mixed_bfloat16")
    layer = BidirectionalGru(gru, merge_mode=None, dtype="mixed_bfloat16")
    forward, backward = layer(np.ones((2, 20, 5), "float32"))
    assert {keras.backend.standardize_dtype(one.dtype) for one in (forward, backward)} == {"bfloat16"}
    assert forward.shape == backward.shape == (2, 20, 3)


def test_a_cpu_has_kerass_own_and_a_gpu_this_one(monkeypatch):
    on_cpu = bidirectional_gru(3, "both", "orthogonal")
    monkeypatch.setattr("colorize.models.fusion.bidirectional_gru.is_faster", lambda: True)
    on_gpu = bidirectional_gru(3, "both", "orthogonal")
    assert (type(on_cpu), type(on_gpu)) == (layers.Bidirectional, BidirectionalGru)
    assert on_gpu.get_config() == on_cpu.get_config()
