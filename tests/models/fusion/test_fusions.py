"""What every fusion keeps: its contract with every encoder, its place, its wiring."""

import keras
import numpy as np
import pytest
from small import ENCODERS, FUSIONS, about, small

from colorize.inspection.dependency_map import check_wiring
from colorize.models.colorizer import Colorizer, build_network
from colorize.models.match_parameters import count_parameters
from colorize.runs.weights import load_weights, save_model
from colorize.training.learner import Learner

RECURRENT = ["row_gru", "column_gru", "pixel_gru", "min_gru"]

PAIRS = [
    # A second backend has to see each of both, not each pair.
    pytest.param(fusion, encoder, marks=[] if encoder == "pyramid" or fusion == "row_gru" else pytest.mark.once)
    for fusion in FUSIONS
    for encoder in ENCODERS
    if encoder != "efficientnet_lite0" or fusion in ("row_gru", "attention")  # large: two stand for all
]


@pytest.mark.parametrize(("fusion", "encoder"), PAIRS)
@pytest.mark.slow
def test_every_fusion_with_every_encoder_trains_saves_and_loads(fusion, encoder, config_of, tmp_path, noise):
    config = small(config_of, fusion, encoder)
    rgb = noise(2, config.data.height, config.data.width)
    network, learner = started(config, eagerly=True)
    feature_map = config.feature_map
    added = config.fusion.added(feature_map.channels)
    assert network.fused.shape[1:] == (feature_map.rows, feature_map.columns, feature_map.channels + added)

    before = weights_of(network)
    learner.train_on_batch(rgb)
    assert any((old != new).any() for old, new in zip(before, weights_of(network)))

    save_model(learner, tmp_path / "model", about(config))
    keras.utils.clear_session()
    other = build_network(config)
    load_weights(Colorizer(other), tmp_path / "model")
    for kept, loaded in zip(weights_of(network), weights_of(other)):
        np.testing.assert_array_equal(kept, loaded)


@pytest.mark.parametrize(
    "fusion", [pytest.param(name, marks=[] if name == "min_gru" else pytest.mark.once) for name in FUSIONS]
)
@pytest.mark.slow
def test_every_fusion_resumes(fusion, config_of, noise):
    """As a graph: what a step is made of is another thing then. (In another process: tests/process/test_resume.py.)"""
    config = small(config_of, fusion)
    rgb = noise(2, config.data.height, config.data.width)
    network, learner = started(config, eagerly=False)
    learner.train_on_batch(rgb)
    state = learner.get_state_tree(value_format="numpy_array")  # the optimizer and the state of dropout too
    ends = []
    for _ in range(2):
        learner.set_state_tree(state)
        ends.append([learner.train_on_batch(rgb, return_dict=True)["loss"], *weights_of(network)])
    for straight, again in zip(*ends):
        np.testing.assert_array_equal(straight, again)


def started(config, eagerly):
    """A network and what trains it; on TensorFlow maybe without a graph, whose making takes most of the time."""
    keras.utils.clear_session()  # as in a process of its own: variables get the same names again
    network = build_network(config)
    learner = Learner(network)
    learner.compile(keras.optimizers.Adam(0.01), run_eagerly=eagerly and keras.backend.backend() == "tensorflow")
    return network, learner


def weights_of(network):
    return [np.array(weight) for weight in network.model.get_weights()]


@pytest.mark.once
@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_fusion_at_the_finest_map_changes_nothing_else(fusion, config_of):
    config = small(config_of, fusion, "pyramid", "fusion.stride=2", "decoder.global_context=false")
    assert config.feature_map == (2, 12, 8, 3)
    network = build_network(config)
    assert network.parameters("fusion") == count_parameters(config.fusion, config.feature_map)
    plain = build_network(small(config_of, "none", "pyramid", "decoder.global_context=false"))
    skip = network.layer("decoder_skip2").output.shape[-1]
    assert skip == plain.layer("decoder_skip2").output.shape[-1] + config.fusion.added(3)
    for name in ("decoder_stride4", "decoder_up2"):  # up to the skip, widths are the encoder's
        assert network.layer(name).parameters == plain.layer(name).parameters


@pytest.mark.parametrize("fusion", ["pixel_gru", "min_gru", "attention", "global_pool", "conv"])
def test_the_same_weights_fit_another_size(fusion, config_of, tmp_path):
    config = small(config_of, fusion)
    large = build_network(small(config_of, fusion, "pyramid", "data.height=32", "data.width=40"))
    save_model(Colorizer(build_network(config)), tmp_path / "model", about(config))
    load_weights(Colorizer(large), tmp_path / "model")
    assert large.model.output_shape[1:3] == (32, 40)


@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("fusion", RECURRENT)
def test_recurrent_fusions_are_wired_right(fusion, stride, config_of):
    network = build_network(small(config_of, fusion, "pyramid", f"fusion.stride={stride}", "data.height=40"))
    assert network.recurrent_passes and check_wiring(network) == []
