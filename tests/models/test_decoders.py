"""The decoder's global context, against a hand computation."""

import keras
import numpy as np
import pytest
from keras import ops
from pictures import lightness

from colorize.models.colorizer import build_network


@pytest.mark.parametrize("fusion", ["row_gru", "none"])
def test_the_global_context_equals_its_hand_computation(fusion, config_of):
    network = build_network(config_of(f"fusion={fusion}"))
    before, after = network.layer("decoder_mean").layer.input, network.layer("decoder_add_context").output
    assert network.layer("decoder_add_context").layer in network.model.layers, "the decoder must go on from it"
    outputs = keras.Model(network.model.input, [before, after])(lightness(config_of(), batch=3))
    fused, told = [ops.convert_to_numpy(x).astype("float64") for x in outputs]
    kernel, bias = [weight.numpy() for weight in network.layer("decoder_context").layer.weights]
    for own, picture in zip(told, fused):
        mean = sum(cell for row in picture for cell in row) / (picture.shape[0] * picture.shape[1])
        np.testing.assert_allclose(own, picture + np.maximum(mean @ kernel + bias, 0.0), atol=1e-4)
