"""Weights in a model file: it needs no other file."""

import numpy as np
import pytest
from efficientnets import LITE
from keras import ops
from small import keep

from colorize.export.graph import painting_graph
from colorize.models.colorizer import Colorizer, build_network
from colorize.runs.weights import load_colorizer


@pytest.mark.once
def test_a_model_needs_no_other_file(config_of, noise, tmp_path, monkeypatch):
    config = config_of(*LITE, "encoder.weights=imagenet", "init=pretrained")
    network = build_network(config.model_copy(update={"init": None}))
    keep(config, network, tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    rgb, colorizer = noise(1, 64, 96), load_colorizer(tmp_path)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(colorizer.predict_on_batch(rgb)),
        ops.convert_to_numpy(Colorizer(network).predict_on_batch(rgb)),
    )
    assert painting_graph(colorizer, mirror=True).output_shape == (None, 64, 96, 3)
