"""What every fusion keeps: its contract with every encoder, its parameters, its size, its wiring."""

import keras
import numpy as np
import pytest
from keras import ops
from small import ENCODERS, FUSIONS, about, small

from colorize.errors import UserError
from colorize.inspection.dependency_map import check_wiring
from colorize.models.colorizer import Colorizer, build_network
from colorize.models.fusion.min_gru import linear_scan
from colorize.models.fusion.pixel_gru import LineGru
from colorize.models.match_parameters import count_parameters, matched_fusion, with_matched_fusion
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


@pytest.mark.once
@pytest.mark.parametrize("of", [["data=cifar10", "encoder.filters=[24,48]"], ["data.height=64", "data.width=80"]])
@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("fusion", [name for name in FUSIONS if name != "none"])
@pytest.mark.slow
def test_a_fusion_is_sized_to_the_parameters_of_another(fusion, stride, of, config_of):
    here = [*of, f"fusion.stride={stride}"]
    config = config_of(*here, f"fusion={fusion}", "fusion.match_parameters_of=row_gru")
    match = matched_fusion(config)
    own = build_network(with_matched_fusion(config)).parameters("fusion")
    wanted = build_network(config_of(*here)).parameters("fusion")
    assert abs(own / wanted - 1) <= 0.02
    assert f"{own:,}" in str(match) and f"{wanted:,}" in str(match)


@pytest.mark.once
@pytest.mark.parametrize("own", [["fusion=row_gru_small"], ["fusion=row_gru", "fusion.units=8"], ["fusion=row_gru"]])
def test_an_option_is_sized_to_another_of_the_same_kind(own, config_of):
    """64 units of a row reshape into its columns; of the neighbouring sizes a projection makes more parameters."""
    size = ["data.height=64", "data.width=128"]
    config, like = with_matched_fusion(config_of(*size, *own, "fusion.match_parameters_of=row_gru")), config_of(*size)
    assert config.fusion.units == like.fusion.units == 64


def test_none_has_nothing_to_size_and_takes_the_keys_of_a_sweep(config_of):
    config = config_of("fusion=none", "fusion.match_parameters_of=row_gru", "fusion.stride=2")
    assert matched_fusion(config) is None


@pytest.mark.once
@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["fusion=conv", "fusion.match_parameters_of=row_gri"], "nearest   row_gru"),
        (["fusion=conv", "fusion.match_parameters_of=none"], "that has parameters"),
        (["fusion=pixel_gru", "fusion.match_parameters_of=global_pool", "fusion.channels=4000"], "at best"),
        (["fusion=conv", "fusion.stride=3"], r"leaves a map \(2, 4, 8\)"),
        (["fusion=attention", "fusion.width=6"], "a multiple of 4"),
        (["fusion=attention", "encoder=question", "data.height=72", "data.width=64"], "at most 4,096 positions"),
        (["encoder=residual", "encoder.normalization=group", "encoder.width=12"], "a multiple of encoder.groups=8"),
        (["head=bins", "head.stride=3"], "a multiple of 3, head.stride"),
        (["head=bins", "head.bins=standard", "head.grid=5"], "head.bins=train"),
        (["decoder=koalarization", "encoder.filters=[4,4]"], "an encoder of stride 8"),
        (["backbone=mobilenet", "backbone.size=96"], "224"),
        (["backbone=inception_resnet_v2", "backbone.weights=none", "backbone.size=64"], "at least 75"),
        (["backbone=vgg19", "backbone.weights=nowhere.h5"], "which is no file"),
    ],
)
def test_what_cannot_be_is_refused_in_words(overrides, told, config_of):
    with pytest.raises(UserError, match=told):
        with_matched_fusion(config_of(*overrides))


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


def test_a_min_gru_that_forgets_to_turn_round_is_found(config_of, monkeypatch):
    monkeypatch.setattr(
        "colorize.models.fusion.min_gru.linear_scan", lambda kept, new, backward: linear_scan(kept, new)
    )
    faults = check_wiring(build_network(small(config_of, "min_gru")))
    assert any("backward half depends on rows above" in fault for fault in faults)


def test_a_pixel_gru_whose_backward_half_stays_turned_is_found(config_of, monkeypatch):
    right = LineGru.call

    def wrong(self, features):
        forward, backward = right(self, features)
        return [forward, ops.flip(backward, {"rows": 1, "columns": 2}[self.along])]

    monkeypatch.setattr(LineGru, "call", wrong)
    assert len(check_wiring(build_network(small(config_of, "pixel_gru")))) >= 2, "one along each axis"
