"""Whole networks: their shapes, their precision, what reaches them, and that they learn."""

import keras
import numpy as np
import pytest
from keras import ops
from messages import refused
from pictures import lightness

from colorize.color import rgb_to_lab
from colorize.models.colorizer import Colorizer, build_network, scale_lightness
from colorize.training.learner import Learner, lab_of

NETWORKS = [
    ["encoder=pyramid", "fusion=row_gru"],
    ["encoder=pyramid", "fusion=none"],
    ["encoder=pyramid", "fusion=row_gru", "fusion.mapping=projection", "fusion.units=5", "fusion.channels=3"],
    ["encoder=pyramid", "fusion=row_gru", "fusion.combine=add", "fusion.channels=64"],
    ["encoder=pyramid", "fusion=row_gru", "fusion.merge_modes=[concatenate]"],
    ["encoder=pyramid", "fusion=row_gru", "fusion.merge_modes=[concatenate,sum,sum]"],
    ["encoder=pyramid", "encoder.filters=[6]", "decoder.dropout=0"],
    ["encoder=pyramid", "decoder.global_context=false"],
    ["encoder=pyramid", "encoder.normalization=none", "decoder.normalization=none"],
    ["encoder=koalarization", "encoder.filters=[4,4,4,4,4,4,4,4]", "decoder=koalarization"],
    ["encoder=residual", "encoder.width=4", "decoder.num_full_resolution_convs=2"],
    ["encoder=residual", "encoder.width=8", "encoder.normalization=group"],
    ["encoder=question", "fusion=row_gru"],
    ["encoder=question", "fusion=none"],
    ["experiment=question"],
]

NETWORK_IDS = [" ".join(overrides) for overrides in NETWORKS]


@pytest.mark.once  # on a second backend the pairs of tests/models/fusion/test_fusions.py are trained
@pytest.mark.parametrize("overrides", NETWORKS, ids=NETWORK_IDS)
@pytest.mark.parametrize("size", [(16, 32), (24, 8)])
def test_every_step_has_the_shape_it_declares(overrides, size, config_of):
    changes = [f"data.height={size[0]}", f"data.width={size[1]}"]
    if overrides == ["experiment=question"]:  # its units fit 2 x units columns only, on purpose
        changes = [f"data.height={size[0]}", "data.width=32"]
    config = config_of(*overrides, *changes)
    network = build_network(config)
    outputs = keras.Model(network.model.input, [step.output for step in network.layers])(lightness(config))
    for step, output in zip(network.layers, outputs):
        assert tuple(output.shape) == (2, *step.output.shape[1:]), step.name
        assert len(step.axes) == len(output.shape), step.name
    assert tuple(outputs[-1].shape) == (2, config.data.height, config.data.width, 2)


@pytest.mark.once
@pytest.mark.parametrize("overrides", NETWORKS, ids=NETWORK_IDS)
def test_every_parameter_is_counted_once(overrides, config_of):
    network = build_network(config_of(*overrides))
    assert sum(step.parameters for step in network.layers) == network.model.count_params()


def test_the_questions_network_has_exactly_the_shapes_of_its_table(config_of):
    network = build_network(config_of("experiment=question", "data.height=32", "data.width=32"))
    table = {
        "encoder_conv": (32, 32, 16),
        "to_sequence": (32, 512),
        "gru1_forward": (32, 16),
        "gru1_backward": (32, 16),
        "gru1_sum": (32, 16),
        "gru2_forward": (32, 16),
        "gru2_backward": (32, 16),
        "gru2_concatenate": (32, 32),
        "to_map": (32, 32, 1),
        "fuse": (32, 32, 17),
    }
    assert {name: network.layer(name).output.shape[1:] for name in table} == table
    assert [step.name for step in network.layers if step.stage in ("encoder", "fusion")] == list(table)


def test_an_encoder_that_leaves_other_maps_than_it_says_is_refused(config_of, monkeypatch):
    config = config_of("encoder.filters=[4,5]")
    monkeypatch.setattr(type(config.encoder), "maps", {4: 4, 8: 5})
    with refused("encoder.maps"):
        build_network(config)


def test_without_fusion_the_rest_of_the_network_is_the_same(config_of):
    names = {}
    for fusion in ("row_gru", "none"):
        steps = build_network(config_of(f"fusion={fusion}")).layers
        names[fusion] = [step.name for step in steps if step.stage != "fusion"]
    assert names["row_gru"] == names["none"]


def test_the_same_seed_gives_the_same_weights(config_of):
    weights = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        weights.append(np.concatenate([w.ravel() for w in build_network(config_of()).model.get_weights()]))
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_the_first_guess_is_grey(config_of, noise):
    colorizer = Colorizer(build_network(config_of()))
    assert not ops.convert_to_numpy(colorizer(noise(2, 16, 32))).any()


def test_colour_never_reaches_the_network(config_of, noise):
    """Two photos of the same lightness and other colours get the same answer: nothing leaks from the target."""
    colorizer = Colorizer(build_network(config_of()))
    colorizer.network.set_weights([w + 0.01 for w in colorizer.network.get_weights()])  # the head starts at 0
    rgb = noise(1, 16, 32)
    grey = ops.convert_to_numpy(rgb_to_lab(rgb))[..., :1]
    expected = ops.convert_to_numpy(colorizer.network(scale_lightness(grey)))
    np.testing.assert_allclose(ops.convert_to_numpy(colorizer(rgb)), expected, atol=1e-3)
    assert 1 < np.abs(expected).max() < 1000


def test_mixed_precision_keeps_head_and_loss_in_float32(config_of, noise):
    config = config_of("trainer.precision=mixed_bfloat16")
    network = build_network(config)
    assert keras.config.dtype_policy().name == "float32", "the policy must not leak out"
    dtypes = {step.name: keras.backend.standardize_dtype(step.output.dtype) for step in network.layers}
    assert dtypes["encoder_down1"] == dtypes["gru1_forward"] == dtypes["fuse"] == "bfloat16"
    assert dtypes["head_ab_scaled"] == dtypes["head_ab"] == "float32"
    assert {keras.backend.standardize_dtype(v.dtype) for v in network.model.trainable_variables} == {"float32"}
    learner = Learner(network)
    inputs, ab = lab_of((noise(2, 16, 32),))
    loss = learner.compute_loss(inputs, ab, learner(inputs))
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"


@pytest.mark.parametrize(
    ("overrides", "precision"),
    [
        (NETWORKS[0], "float32"),
        (NETWORKS[0], "mixed_bfloat16"),
        pytest.param(NETWORKS[1], "float32", marks=pytest.mark.once),
        pytest.param(NETWORKS[-1], "float32", marks=pytest.mark.once),
    ],
    ids=["row_gru float32", "row_gru mixed_bfloat16", "none float32", "seed float32"],
)
@pytest.mark.slow
def test_a_few_steps_learn_a_photo_by_heart(overrides, precision, config_of):
    config = config_of(*overrides, f"trainer.precision={precision}", "decoder.dropout=0")
    ramp = np.linspace(40, 220, config.data.width).astype("uint8")
    rgb = np.zeros((4, config.data.height, config.data.width, 3), "uint8")
    rgb[..., 0], rgb[..., 2] = ramp, ramp[::-1] // 2
    colorizer = Learner(build_network(config))
    colorizer.compile(optimizer=keras.optimizers.Adam(0.01))
    before = colorizer.evaluate(rgb, verbose=0, return_dict=True)
    colorizer.fit(np.tile(rgb, (50, 1, 1, 1)), batch_size=4, verbose=0)  # one epoch of 50 steps: epochs cost seconds
    after = colorizer.evaluate(rgb, verbose=0, return_dict=True)
    assert after["loss"] < 0.5 * before["loss"]
    assert after["ab_rmse"] < 0.5 * before["ab_rmse"]
