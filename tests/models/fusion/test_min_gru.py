"""The minimal GRU and its scan, against a second implementation in NumPy, and a wrong one that is found."""

import keras
import numpy as np
import pytest
from keras import ops
from small import small

from colorize.inspection.dependency_map import check_wiring
from colorize.models.colorizer import build_network
from colorize.models.fusion.min_gru import DirectedMinGru, linear_scan


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("timesteps", [1, 2, 5, 8, 13, 64, 100])
def test_the_scan_equals_its_steps(timesteps, backward):
    rng = np.random.default_rng(timesteps)
    kept, new = rng.uniform(0, 1, (2, timesteps, 3)), rng.normal(size=(2, timesteps, 3))
    state, states = np.zeros((2, 3)), np.zeros((2, timesteps, 3))
    for t in range(timesteps)[:: -1 if backward else 1]:
        states[:, t] = state = kept[:, t] * state + new[:, t]
    scanned = linear_scan(*[ops.convert_to_tensor(x, "float32") for x in (kept, new)], backward)
    np.testing.assert_allclose(ops.convert_to_numpy(scanned), states, atol=1e-5)


@pytest.mark.parametrize("along", ["rows", "columns"])
@pytest.mark.parametrize("backward", [False, True])
def test_the_min_gru_equals_its_recurrence(along, backward):
    layer = DirectedMinGru(4, along, backward)
    features = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype("float32")
    states = ops.convert_to_numpy(layer(features))
    kernel, bias = [weight.numpy().astype("float64") for weight in layer.weights]
    lines = features.transpose(0, 2, 1, 3) if along == "rows" else features  # time on axis 2
    gate, candidate = np.split(lines @ kernel + bias, 2, axis=-1)
    gate = 1 / (1 + np.exp(-gate))
    expected, state = np.zeros(gate.shape), 0.0
    for t in range(lines.shape[2])[:: -1 if backward else 1]:
        expected[:, :, t] = state = (1 - gate[:, :, t]) * state + gate[:, :, t] * candidate[:, :, t]
    expected = expected.transpose(0, 2, 1, 3) if along == "rows" else expected
    np.testing.assert_allclose(states, expected, atol=1e-5)


def test_in_mixed_precision_the_states_are_summed_in_float32(config_of):
    network = build_network(small(config_of, "min_gru", "pyramid", "trainer.precision=mixed_bfloat16"))
    step = network.layer("min_gru1_rows_forward")
    assert keras.backend.standardize_dtype(step.output.dtype) == "bfloat16"
    layer = step.layer
    features = np.random.default_rng(0).normal(size=(1, 40, 4, 5)).astype("float32")
    exact = DirectedMinGru(3, "rows", False)
    exact.build((None, 40, 4, 5))
    exact.set_weights(layer.get_weights())
    ours, expected = (ops.convert_to_numpy(ops.cast(each(features), "float32")) for each in (layer, exact))
    np.testing.assert_allclose(ours, expected, atol=0.05)


def test_a_min_gru_that_forgets_to_turn_round_is_found(config_of, monkeypatch):
    monkeypatch.setattr(
        "colorize.models.fusion.min_gru.linear_scan", lambda kept, new, backward: linear_scan(kept, new)
    )
    faults = check_wiring(build_network(small(config_of, "min_gru")))
    assert any("backward half depends on rows above" in fault for fault in faults)
