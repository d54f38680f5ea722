"""Every network: its shapes, its arithmetic against a hand computation, its precision, its loss."""

import keras
import numpy as np
import pytest
from by_hand import gru_by_hand
from keras import ops

from colorize.color import AB_SCALE, rgb_to_lab
from colorize.config.registry import build
from colorize.errors import UserError
from colorize.inspection.dependency_map import dependency_maps
from colorize.models.colorizer import Colorizer, build_network, scale_lightness
from colorize.models.heads import Regression
from colorize.training.learner import Learner, lab_of
from colorize.training.optimizer import build_optimizer

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


def lightness(config, batch=2):
    shape = batch, config.data.height, config.data.width, 1
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


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


def test_an_encoder_that_leaves_other_maps_than_it_says_is_refused(config_of, monkeypatch):
    config = config_of("encoder.filters=[4,5]")
    monkeypatch.setattr(type(config.encoder), "maps", {4: 4, 8: 5})
    with pytest.raises(UserError, match=r"stride 4: 4; stride 8: 5.* leaves \(stride 2: 4; stride 4: 5\)"):
        build_network(config)


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


def test_without_fusion_the_rest_of_the_network_is_the_same(config_of):
    names = {}
    for fusion in ("row_gru", "none"):
        steps = build_network(config_of(f"fusion={fusion}")).layers
        names[fusion] = [step.name for step in steps if step.stage != "fusion"]
    assert names["row_gru"] == names["none"]


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


def test_the_reported_ab_rmse_is_over_all_pixels_of_uneven_batches(config_of, noise):
    config = config_of()
    colorizer = Learner(build_network(config))
    colorizer.compile(optimizer="sgd")
    rgb = noise(5, 16, 32)
    reported = colorizer.evaluate(rgb, batch_size=4, verbose=0, return_dict=True)["ab_rmse"]
    ab = ops.convert_to_numpy(rgb_to_lab(rgb))[..., 1:].astype("float64")  # the guess of a new network is 0
    assert reported == pytest.approx(np.sqrt((ab**2).mean()), rel=1e-5)


def loss(config_of, true, predicted, name="smooth_l1", **values):
    config = config_of(f"loss={name}", *[f"loss.{name}.{key}={value}" for key, value in values.items()])
    as_map = [np.asarray(ab, "float32").reshape(1, 1, -1, 2) for ab in (true, predicted)]
    return float(build(config.loss.terms[name], Regression(config.head))(*as_map))


def test_the_loss_is_smooth_l1_in_lab_units(config_of):
    # |error| .5 is within delta 1: .5^2 / 2 = .125; |error| 4 is beyond: 4 - .5 = 3.5.
    assert loss(config_of, [[0, 0]], [[0.5, -4]], delta=1.0, chroma_weight=0.0) == pytest.approx((0.125 + 3.5) / 2)
    assert loss(config_of, [[0, 0]], [[4, 4]], delta=2.0, chroma_weight=0.0) == pytest.approx(4 - 1)


def test_l1_and_l2_are_the_absolute_and_the_scaled_squared_error(config_of):
    # Errors of 2 and 6: their mean is 4, their mean square 20, by 2 x 110.
    assert loss(config_of, [[0, 0]], [[2, -6]], "l1", chroma_weight=0.0) == pytest.approx(4)
    assert loss(config_of, [[0, 0]], [[2, -6]], "l2", chroma_weight=0.0) == pytest.approx(20 / 220)
    like = loss(config_of, [[0, 0]], [[2, -6]], "smooth_l1", delta=110.0, chroma_weight=0.0)
    assert like == pytest.approx(20 / 220), "l2 is smooth L1 that never leaves its quadratic part"


@pytest.mark.parametrize("step", ["train_on_batch", "test_on_batch"])
def test_a_step_converts_its_photos_to_lab_once(step, config_of, noise, monkeypatch):
    converted = []
    monkeypatch.setattr("colorize.training.learner.rgb_to_lab", lambda rgb: converted.append(rgb) or rgb_to_lab(rgb))
    learner = Learner(build_network(config_of()))
    learner.compile(optimizer="sgd")
    getattr(learner, step)(noise(2, 16, 32))
    assert len(converted) == 1


def test_terms_are_summed_by_their_weights_and_told_by_their_labels(config_of, noise):
    config = config_of("loss=[l1,l2]", "loss.l1.weight=0.5", "loss.l2.weight=2.0", "decoder.dropout=0")
    learner = Learner(build_network(config))
    learner.compile(optimizer=build_optimizer(config.optimizer, 1, 10))
    rgb = noise(2, 16, 32)
    logs = learner.train_on_batch(rgb, return_dict=True)
    ab = ops.convert_to_numpy(rgb_to_lab(rgb))[..., 1:].astype("float64")  # a new network says 0
    weight = 1 + 1.5 * np.sqrt((ab**2).sum(axis=-1, keepdims=True)) / 100
    expected = {
        "loss_l1": 0.5 * (np.abs(ab) * weight).mean() / weight.mean(),
        "loss_l2": 2.0 * (ab**2 / 220 * weight).mean() / weight.mean(),
    }
    assert {name: logs[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    assert logs["loss"] == pytest.approx(sum(expected.values()), rel=1e-4)


def test_colourful_pixels_weigh_more_by_their_true_chroma(config_of):
    # Chroma 0 and 50 under a weight of 2 count 1 and 2 times; the errors 1 and 10 cost .5 and 9.5 a channel.
    true, predicted = [[0, 0], [30, 40]], [[1, 1], [40, 50]]
    plain, weighted = [loss(config_of, true, predicted, delta=1.0, chroma_weight=w) for w in (0.0, 2.0)]
    assert plain == pytest.approx((0.5 + 9.5) / 2)
    assert weighted == pytest.approx((1 * 0.5 + 2 * 9.5) / 3)


def test_ab_scale_holds_all_of_srgb():
    cube = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3), axis=-1).astype("uint8")
    assert np.abs(ops.convert_to_numpy(rgb_to_lab(cube))[..., 1:]).max() < AB_SCALE
