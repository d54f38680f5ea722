"""Encoders: their shapes and what their blocks and norms do."""

import keras
import numpy as np
import pytest
from keras import ops
from pictures import lightness

from colorize.inspection.dependency_map import dependency_maps
from colorize.models.colorizer import build_network


def test_deep_koalarization_has_the_shapes_of_its_table_1(config_of):
    size = ["data.height=24", "data.width=16", "fusion=none"]
    network = build_network(config_of("encoder=koalarization", "decoder=koalarization", *size))
    outputs = {step.name: step.output.shape[1:] for step in network.layers}
    channels = [64, 128, 128, 256, 256, 512, 512, 256]
    strides = [2, 2, 4, 4, 8, 8, 8, 8]
    for number, (filters, stride) in enumerate(zip(channels, strides), start=1):
        assert outputs[f"encoder_conv{number}"] == (24 // stride, 16 // stride, filters)
    for number, (filters, stride) in enumerate(zip([128, 64, 64, 32], [8, 4, 4, 2]), start=1):
        assert outputs[f"decoder_conv{number}"] == (24 // stride, 16 // stride, filters)
    assert outputs["head_ab"] == (24, 16, 2)


def test_a_residual_block_adds_to_what_it_is_given(config_of):
    network = build_network(config_of("encoder=residual", "encoder.width=4", "encoder.levels=1", "fusion=none"))
    names = ("encoder_down1", "encoder_level1_block1_conv2", "encoder_level1_block1_add")
    given, change, sum_ = keras.Model(network.model.input, [network.layer(name).output for name in names])(
        lightness(config_of())
    )
    np.testing.assert_allclose(sum_, ops.convert_to_numpy(given) + ops.convert_to_numpy(change), atol=1e-6)
    assert np.abs(ops.convert_to_numpy(change)).max() > 0.01


@pytest.mark.parametrize(("normalization", "apart"), [("layer", True), ("group", False)])
def test_layer_norm_keeps_rows_apart_and_group_norm_does_not(normalization, apart, config_of):
    network = build_network(
        config_of(
            "encoder=residual",
            "encoder.levels=1",
            "encoder.depth=0",
            "fusion=none",
            f"encoder.normalization={normalization}",
        )
    )
    (panel,) = dependency_maps(network)
    far = panel.values[0, 8:]
    assert (far == 0).all() if apart else (far > 0).all()
