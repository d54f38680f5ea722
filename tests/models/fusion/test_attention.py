"""Attention and its positions, against a second implementation in NumPy."""

import numpy as np
from pictures import arrays, features_and
from scipy.special import ndtr
from small import small

from colorize.models.colorizer import build_network
from colorize.models.fusion.attention import positions


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
