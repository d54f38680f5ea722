"""What each fusion computes, against a second implementation of it in NumPy."""

import keras
import numpy as np
import pytest
from by_hand import gru_by_hand
from keras import ops
from scipy.special import ndtr
from small import small

from colorize.inspection.dependency_map import dependency_maps
from colorize.models.colorizer import build_network
from colorize.models.fusion.attention import positions
from colorize.models.fusion.min_gru import DirectedMinGru, linear_scan


def features_and(network, *names):
    """A model from the picture to what the fusion is given and to some steps."""
    before = [step.output for step in network.layers if step.stage == "encoder"][-1]
    return keras.Model(network.model.input, [before, *[network.layer(name).output for name in names]])


def arrays(model, config, batch=2):
    picture = np.random.default_rng(0).uniform(-1, 1, (batch, config.data.height, config.data.width, 1))
    return [ops.convert_to_numpy(x).astype("float64") for x in model(picture.astype("float32"))]


def test_the_column_gru_is_the_row_gru_of_the_picture_on_its_side(config_of):
    encoder = "encoder.filters=[3,4]"
    lying = config_of("fusion=column_gru", "fusion.units=3", "data.height=24", "data.width=16", encoder)
    standing = config_of("fusion=row_gru", "fusion.units=3", "data.height=16", "data.width=24", encoder)
    columns, rows = build_network(lying), build_network(standing)
    own = np.random.default_rng(0).normal(size=(2, 6, 4, 4)).astype("float32")
    first = columns.layer("columns_first").layer.input, rows.layer("to_sequence").layer.input
    models = [keras.Model(at, network.layer("fuse").output) for at, network in zip(first, (columns, rows))]
    models[1].set_weights(models[0].get_weights())
    turned = ops.convert_to_numpy(models[1](own.transpose(0, 2, 1, 3))).transpose(0, 2, 1, 3)
    np.testing.assert_allclose(ops.convert_to_numpy(models[0](own)), turned, atol=1e-6)


def test_the_pixel_gru_equals_its_hand_computation(config_of):
    config = small(config_of, "pixel_gru")
    network = build_network(config)
    features, fused = arrays(features_and(network, "fuse"), config)
    step = network.layer

    def both(number, line):
        forward = gru_by_hand(step(f"gru{number}_forward").layer, line)
        return np.hstack([forward, gru_by_hand(step(f"gru{number}_backward").layer, line[::-1])[::-1]])

    along_rows = np.array([[both(1, row) for row in picture] for picture in features])
    along_columns = np.array([[both(2, column) for column in p.transpose(1, 0, 2)] for p in along_rows])
    kernel, bias = [weight.numpy() for weight in step("project_units").layer.weights]
    np.testing.assert_array_equal(fused[..., :4], features)
    np.testing.assert_allclose(fused[..., 4:], along_columns.transpose(0, 2, 1, 3) @ kernel + bias, atol=1e-5)


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


def layer_norm(x, layer):
    gamma, beta = [weight.numpy() for weight in layer.weights]
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3) * gamma + beta


def test_attention_equals_its_hand_computation(config_of):
    config = small(config_of, "attention")
    network = build_network(config)
    features, fused = arrays(features_and(network, "fuse"), config, batch=1)
    rows, columns, _ = features[0].shape
    steps = {step.name: [w.numpy().astype("float64") for w in step.layer.weights] for step in network.layers}
    layer = {step.name: step.layer for step in network.layers}

    x = features[0] @ steps["attention_in"][0] + steps["attention_in"][1]
    for row in range(rows):
        for column in range(columns):
            for i in range(2):  # a quarter of 8 channels
                row_angle, column_angle = row / 10000 ** (i / 2), column / 10000 ** (i / 2)
                x[row, column, i] += np.sin(row_angle)
                x[row, column, 2 + i] += np.cos(row_angle)
                x[row, column, 4 + i] += np.sin(column_angle)
                x[row, column, 6 + i] += np.cos(column_angle)
    x = x.reshape(-1, 8)
    wq, bq, wk, bk, wv, bv, wo, bo = steps["attention1_heads"]
    normed = layer_norm(x, layer["attention1_norm"])
    q, k, v = [np.einsum("nd,dhe->hne", normed, w) + b[:, None] for w, b in ((wq, bq), (wk, bk), (wv, bv))]
    scores = np.exp(q @ k.transpose(0, 2, 1) / np.sqrt(4))  # two heads of 4
    x = x + np.einsum("hne,hed->nd", scores / scores.sum(-1, keepdims=True) @ v, wo) + bo
    (w1, b1), (w2, b2) = steps["attention1_mlp"], steps["attention1_mlp_out"]
    hidden = layer_norm(x, layer["attention1_mlp_norm"]) @ w1 + b1
    x = x + (hidden * ndtr(hidden)) @ w2 + b2
    w, b = steps["attention_out"]
    expected = layer_norm(x, layer["attention_norm"]) @ w + b
    np.testing.assert_allclose(fused[0, ..., 4:], expected.reshape(rows, columns, 2), atol=1e-4)


def test_positions_tell_all_cells_apart():
    table = positions(5, 7, 8).reshape(35, 8)
    apart = np.linalg.norm(table[:, None] - table[None], axis=-1) + np.eye(35)
    assert apart.min() > 0.1


def test_global_pool_tells_every_cell_the_same(config_of):
    config = small(config_of, "global_pool")
    network = build_network(config)
    features, fused = arrays(features_and(network, "fuse"), config)
    (w1, b1), (w2, b2) = [
        [w.numpy() for w in network.layer(name).layer.weights] for name in ("pool_hidden", "pool_project")
    ]
    for picture, own in zip(features, fused):
        mean = np.mean([cell for row in picture for cell in row], axis=0)
        told = np.maximum(mean @ w1 + b1, 0) @ w2 + b2
        np.testing.assert_allclose(own[..., 4:], np.broadcast_to(told, own[..., 4:].shape), atol=1e-5)


def test_the_conv_control_sees_no_further_than_its_convolutions(config_of):
    network = build_network(small(config_of, "conv", "question", "fusion.normalization=none"))
    (panel,) = dependency_maps(network)
    rows, inputs = np.mgrid[:6, :6]
    np.testing.assert_array_equal(panel.values > 0, abs(rows - inputs) <= 3)  # 1 of the encoder, 2 of the block


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
