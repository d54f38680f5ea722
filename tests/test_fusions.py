"""Every fusion: its contract with every encoder, its arithmetic against a second implementation, its parameters."""

import keras
import numpy as np
import pytest
from by_hand import gru_by_hand
from keras import ops

from colorize.checkpoint import load_weights, save_weights
from colorize.config.sizes import match_of
from colorize.errors import UserError
from colorize.models.colorizer import Learner, build_network
from colorize.models.fusion.attention import positions
from colorize.models.fusion.min_gru import DirectedMinGru, linear_scan
from colorize.models.fusion.pixel_gru import LineGru
from colorize.shapes import check_wiring, dependency_maps

FUSIONS = {
    "none": [],
    "row_gru": ["fusion.units=3", "fusion.channels=2"],
    "column_gru": ["fusion.units=3", "fusion.channels=2"],
    "pixel_gru": ["fusion.units=3", "fusion.column_units=2", "fusion.channels=2"],
    "min_gru": ["fusion.width=5", "fusion.units=3", "fusion.blocks=2", "fusion.channels=2"],
    "attention": ["fusion.width=8", "fusion.heads=2", "fusion.hidden=6", "fusion.channels=2"],
    "global_pool": ["fusion.hidden=5", "fusion.channels=2"],
    "conv": ["fusion.filters=5", "fusion.hidden=3", "fusion.channels=2"],
}
ENCODERS = {
    "seed": ["encoder.filters=3", "data.height=6", "data.width=8"],
    "pyramid": ["encoder.filters=[3,4]"],
    "koalarization": ["encoder.filters=[3,3,4,4,5,5,4,4]", "decoder=koalarization", "decoder.filters=[4,3,3,2]"],
    "residual": ["encoder.width=4", "encoder.levels=2"],
}
RECURRENT = ["row_gru", "column_gru", "pixel_gru", "min_gru"]


def small(config_of, fusion, encoder="pyramid", *more):
    """A configuration with a picture that is not square, and with every size as small as it makes sense."""
    size = ["data.height=24", "data.width=16"]
    chosen = [f"fusion={fusion}", f"encoder={encoder}", *FUSIONS[fusion], *ENCODERS[encoder]]
    return config_of(*size, *chosen, *more)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_with_every_encoder_trains_saves_loads_and_resumes(fusion, encoder, config_of, tmp_path, noise):
    config = small(config_of, fusion, encoder)
    rgb = noise(2, config.data.height, config.data.width)
    network, learner = started(config, eagerly=encoder != "pyramid")
    other, resumed = started(config, eagerly=encoder != "pyramid")
    feature_map = config.feature_map
    fused = [step.output for step in network.trace.steps if step.stage in ("encoder", "fusion")][-1]
    added = config.fusion.added(feature_map.channels)
    assert fused.shape[1:] == (feature_map.rows, feature_map.columns, feature_map.channels + added)
    assert network.trace.parameters("fusion") == config.fusion.parameters(feature_map)

    before = weights_of(network)
    learner.train_on_batch(rgb)
    assert any((old != new).any() for old, new in zip(before, weights_of(network)))

    save_weights(network.model, tmp_path / "w.weights.h5")
    load_weights(other.model, tmp_path / "w.weights.h5")
    for kept, loaded in zip(weights_of(network), weights_of(other)):
        np.testing.assert_array_equal(kept, loaded)
    state = learner.get_state_tree(value_format="numpy_array")  # the optimizer and the state of dropout too
    resumed.set_state_tree(state)
    losses = [each.train_on_batch(rgb, return_dict=True)["loss"] for each in (learner, resumed)]
    assert losses[0] == losses[1]
    for straight, again in zip(weights_of(network), weights_of(other)):
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


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_fusion_at_the_finest_map_changes_nothing_else(fusion, config_of):
    config = small(config_of, fusion, "pyramid", "fusion.stride=2", "decoder.global_context=false")
    assert config.feature_map == (2, 12, 8, 3)
    trace = build_network(config).trace
    assert trace.parameters("fusion") == config.fusion.parameters(config.feature_map)
    plain = build_network(small(config_of, "none", "pyramid", "decoder.global_context=false")).trace
    skip = trace.step("decoder_skip12").output.shape[-1]
    assert skip == plain.step("decoder_skip12").output.shape[-1] + config.fusion.added(3)
    for name in ("decoder_level6", "decoder_up12"):  # up to the skip, widths are the encoder's
        assert trace.step(name).parameters == plain.step(name).parameters


@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("fusion", [name for name in FUSIONS if name != "none"])
def test_a_fusion_is_sized_to_the_parameters_of_another(fusion, stride, config_of):
    config = config_of(
        "data=cifar10", "encoder.filters=[24,48]", f"fusion={fusion}", f"fusion.stride={stride}",
        "fusion.match_parameters_of=row_gru",
    )  # fmt: skip
    match = match_of(config)
    own = build_network(config).trace.parameters("fusion")
    like = build_network(config_of("data=cifar10", "encoder.filters=[24,48]", f"fusion.stride={stride}"))
    wanted = like.trace.parameters("fusion")
    assert abs(own / wanted - 1) <= 0.02
    assert f"{own:,}" in str(match) and f"{wanted:,}" in str(match)


def test_none_has_nothing_to_size_and_takes_the_keys_of_a_sweep(config_of):
    config = config_of("fusion=none", "fusion.match_parameters_of=row_gru", "fusion.stride=2")
    assert match_of(config) is None


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["fusion=conv", "fusion.match_parameters_of=row_gri"], "nearest   row_gru"),
        (["fusion=conv", "fusion.match_parameters_of=none"], "that has parameters"),
        (["fusion=pixel_gru", "fusion.match_parameters_of=global_pool", "fusion.channels=4000"], "at best"),
        (["fusion=conv", "fusion.stride=3"], r"leaves a map \(2, 4, 8\)"),
        (["fusion=attention", "fusion.width=6"], "a multiple of 4"),
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
        config_of(*overrides)


def features_and(network, *names):
    """A model from the picture to what the fusion is given and to some steps."""
    before = [step.output for step in network.trace.steps if step.stage == "encoder"][-1]
    return keras.Model(network.model.input, [before, *[network.trace.step(name).output for name in names]])


def arrays(model, config, batch=2):
    picture = np.random.default_rng(0).uniform(-1, 1, (batch, config.data.height, config.data.width, 1))
    return [ops.convert_to_numpy(x).astype("float64") for x in model(picture.astype("float32"))]


def test_the_column_gru_is_the_row_gru_of_the_picture_on_its_side(config_of):
    encoder = "encoder.filters=[3,4]"
    lying = config_of("fusion=column_gru", "fusion.units=3", "data.height=24", "data.width=16", encoder)
    standing = config_of("fusion=row_gru", "fusion.units=3", "data.height=16", "data.width=24", encoder)
    columns, rows = build_network(lying).trace, build_network(standing).trace
    own = np.random.default_rng(0).normal(size=(2, 6, 4, 4)).astype("float32")
    first = columns.step("columns_first").layer.input, rows.step("to_sequence").layer.input
    models = [keras.Model(at, trace.step("fuse").output) for at, trace in zip(first, (columns, rows))]
    models[1].set_weights(models[0].get_weights())
    turned = ops.convert_to_numpy(models[1](own.transpose(0, 2, 1, 3))).transpose(0, 2, 1, 3)
    np.testing.assert_allclose(ops.convert_to_numpy(models[0](own)), turned, atol=1e-6)


def test_the_pixel_gru_equals_its_hand_computation(config_of):
    config = small(config_of, "pixel_gru")
    network = build_network(config)
    features, fused = arrays(features_and(network, "fuse"), config)
    step = network.trace.step

    def both(number, line):
        forward = gru_by_hand(step(f"gru{number}_forward").layer, line)
        return np.hstack([forward, gru_by_hand(step(f"gru{number}_backward").layer, line[::-1])[::-1]])

    along_rows = np.array([[both(1, row) for row in picture] for picture in features])
    along_columns = np.array([[both(2, column) for column in p.transpose(1, 0, 2)] for p in along_rows])
    kernel, bias = [weight.numpy() for weight in step("project_units").layer.weights]
    np.testing.assert_array_equal(fused[..., :4], features)
    np.testing.assert_allclose(fused[..., 4:], along_columns.transpose(0, 2, 1, 3) @ kernel + bias, atol=1e-5)


@pytest.mark.parametrize("fusion", ["pixel_gru", "min_gru", "attention", "global_pool", "conv"])
def test_the_same_weights_fit_another_size(fusion, config_of, tmp_path):
    small_one = build_network(small(config_of, fusion)).model
    large = build_network(small(config_of, fusion, "pyramid", "data.height=32", "data.width=40")).model
    save_weights(small_one, tmp_path / "w.weights.h5")
    load_weights(large, tmp_path / "w.weights.h5")
    assert large.output_shape[1:3] == (32, 40)


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
    steps = {step.name: [w.numpy().astype("float64") for w in step.layer.weights] for step in network.trace.steps}
    layer = {step.name: step.layer for step in network.trace.steps}

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
    from scipy.special import ndtr

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
        [w.numpy() for w in network.trace.step(name).layer.weights] for name in ("pool_hidden", "pool_project")
    ]
    for picture, own in zip(features, fused):
        mean = np.mean([cell for row in picture for cell in row], axis=0)
        told = np.maximum(mean @ w1 + b1, 0) @ w2 + b2
        np.testing.assert_allclose(own[..., 4:], np.broadcast_to(told, own[..., 4:].shape), atol=1e-5)


def test_the_conv_control_sees_no_further_than_its_convolutions(config_of):
    network = build_network(small(config_of, "conv", "seed", "fusion.normalization=none"))
    (panel,) = dependency_maps(network)
    rows, inputs = np.mgrid[:6, :6]
    np.testing.assert_array_equal(panel.values > 0, abs(rows - inputs) <= 3)  # 1 of the encoder, 2 of the block


@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("fusion", RECURRENT)
def test_recurrent_fusions_are_wired_right(fusion, stride, config_of):
    network = build_network(small(config_of, fusion, "pyramid", f"fusion.stride={stride}", "data.height=40"))
    assert network.trace.readings and check_wiring(network) == []


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


def test_layers_of_our_own_come_back_from_their_configuration():
    for layer in (LineGru(3, "rows", name="a"), DirectedMinGru(3, "columns", True, name="b")):
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config()


def test_in_mixed_precision_the_states_are_summed_in_float32(config_of):
    network = build_network(small(config_of, "min_gru", "pyramid", "trainer.precision=mixed_bfloat16"))
    step = network.trace.step("min_gru1_rows_forward")
    assert keras.backend.standardize_dtype(step.output.dtype) == "bfloat16"
    layer = step.layer
    features = np.random.default_rng(0).normal(size=(1, 40, 4, 5)).astype("float32")
    exact = DirectedMinGru(3, "rows", False)
    exact.build((None, 40, 4, 5))
    exact.set_weights(layer.get_weights())
    ours, expected = (ops.convert_to_numpy(ops.cast(each(features), "float32")) for each in (layer, exact))
    np.testing.assert_allclose(ours, expected, atol=0.05)
