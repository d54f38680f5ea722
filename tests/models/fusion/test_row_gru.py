"""The GRUs along rows and columns, against a second implementation in NumPy and each other."""

import keras
import numpy as np
from by_hand import gru_by_hand
from keras import ops
from pictures import lightness

from colorize.models.colorizer import build_network


def test_the_fusion_equals_its_hand_computation(config_of):
    config = config_of("encoder.filters=[4, 5]", "fusion.units=6", "fusion.channels=3")  # 4 x 8 cells: a projection
    network = build_network(config)
    picture = lightness(config, batch=1)
    outputs = [network.layer(name).output for name in ("project_units", "fuse")]
    model = keras.Model(network.model.input, [network.layer("to_sequence").layer.input, *outputs])
    features, projected, fused = [ops.convert_to_numpy(x)[0].astype("float64") for x in model(picture)]
    rows, columns, channels = features.shape

    sequence = np.array([[features[r, c, k] for c in range(columns) for k in range(channels)] for r in range(rows)])
    for number, merge in ((1, np.add), (2, lambda a, b: np.hstack([a, b]))):
        forward = gru_by_hand(network.layer(f"gru{number}_forward").layer, sequence)
        backward = gru_by_hand(network.layer(f"gru{number}_backward").layer, sequence[::-1])[::-1]
        sequence = merge(forward, backward)
    weights, bias = [weight.numpy() for weight in network.layer("project_units").layer.weights]
    expected = sequence @ weights + bias

    np.testing.assert_allclose(projected, expected, atol=1e-4)
    np.testing.assert_array_equal(fused[..., :channels], features)
    np.testing.assert_allclose(fused[..., channels:], expected.reshape(rows, columns, 3), atol=1e-4)


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
