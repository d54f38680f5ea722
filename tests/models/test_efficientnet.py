"""EfficientNet-Lite: that it is the network, what is trained of it, and what is refused."""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from efficientnets import LITE
from keras import ops
from messages import assert_wording, refused
from skimage import color as reference
from skimage import transform

from colorize.config.compose import composed
from colorize.config.messages import Refusal
from colorize.config.registry import build
from colorize.errors import UserError
from colorize.inspection.dependency_map import check_wiring, dependency_maps
from colorize.inspection.shape_report import write_shapes
from colorize.models.colorizer import Colorizer, build_network
from colorize.models.graph import layers_between
from colorize.training.learner import Learner

REFERENCE = Path(__file__).parent.parent / "reference"
sys.path.append(str(REFERENCE))
from efficientnet_lite import photos, places  # noqa: E402

NAMES = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")


def encoder_alone(config, rows, columns):
    """The encoder from its grey picture on: so that it can be shown photos in colour."""
    picture = keras.Input((rows, columns, 1))
    last, skips = build(config.encoder, picture)
    grey, *layers = layers_between([picture], [*skips, last])
    return keras.Model(grey.output, [layer.output for layer in layers])


@pytest.mark.parametrize("name", [NAMES[0], *(pytest.param(name, marks=pytest.mark.once) for name in NAMES[1:])])
def test_every_block_answers_as_pytorchs_does(name):
    """To three photos, two of them not square; the reference's answers are stored beside the script that made them."""
    config = composed([f"encoder={name}"])
    answers = json.loads((REFERENCE / "efficientnet_lite.json").read_text())[name]
    for photo, of_photo in zip(photos(), answers):
        maps = encoder_alone(config, *photo.shape[:2])(photo[None])
        assert len(maps) == len(of_photo)
        for number, (found, expected) in enumerate(zip(maps, of_photo)):
            own = ops.convert_to_numpy(found)[0]
            np.testing.assert_allclose(own.ravel()[places(own.shape, number)], expected, rtol=0, atol=1e-4)


@pytest.mark.once
@pytest.mark.parametrize("name", NAMES)
def test_the_configuration_knows_the_maps_before_keras_does(name):
    config = composed([f"encoder={name}", "encoder.weights=none"])
    last, skips = build(config.encoder, keras.Input((64, 96, 1)))
    built = {64 // tensor.shape[1]: tensor.shape[-1] for tensor in [*skips, last]}
    assert built == config.encoder.maps and list(built) == [2, 4, 8, 16, 32]
    assert last.shape[1:3] == (2, 3)


def test_an_enlarged_picture_is_read_as_one_of_that_size(noise):
    """The same network, and the picture enlarged by scikit-image instead."""
    lightness = reference.rgb2lab(transform.resize(noise(4, 6) / 255, (32, 48), order=3))[..., :1]
    grey = reference.lab2rgb(np.concatenate([lightness, np.zeros((32, 48, 2))], axis=-1))
    larger = reference.rgb2lab(transform.resize(grey, (64, 96), order=1, mode="edge", anti_aliasing=False))[..., :1]
    networks = []
    for scale, picture in ((2, lightness), (1, larger)):
        config = composed(["encoder=efficientnet_lite0", f"encoder.input_scale={scale}"])
        inputs = keras.Input(picture.shape)
        last, skips = build(config.encoder, inputs)
        assert [len(picture) // tensor.shape[1] for tensor in [*skips, last]] == list(config.encoder.maps)
        networks.append(keras.Model(inputs, [*skips, last]))
    assert composed(["encoder=efficientnet_lite0", "encoder.input_scale=2"]).encoder.maps.keys() == {1, 2, 4, 8, 16}
    answers = [
        network(picture[None] / 50 - 1, training=False) for network, picture in zip(networks, (lightness, larger))
    ]
    for ours, theirs in zip(*answers):
        ours, theirs = ops.convert_to_numpy(ours), ops.convert_to_numpy(theirs)
        np.testing.assert_allclose(ours, theirs, atol=0.02 * theirs.std())


@pytest.mark.once
def test_the_grey_picture_is_that_of_the_lightness(config_of):
    network = build_network(config_of(*LITE))
    lightness = np.linspace(0, 100, 64 * 96, dtype="float32").reshape(1, 64, 96, 1)
    model = keras.Model(network.model.inputs[0], network.layer("encoder_grey").output)
    seen = ops.convert_to_numpy(model(lightness / 50 - 1))
    lab = np.concatenate([lightness[0], np.zeros((64, 96, 2))], axis=-1)
    expected = (reference.lab2rgb(lab) * 255 - 127) / 128
    np.testing.assert_allclose(seen[0], expected, atol=2e-3)


def trained_of(network):
    return {variable.path.split("/")[0] for variable in network.encoder_variables}


@pytest.mark.parametrize(
    ("trainable", "first", "statistics_move"),
    [
        pytest.param("none", None, False, marks=pytest.mark.once),
        ("2", "encoder_block11", False),
        pytest.param("all", "encoder_stem", True, marks=pytest.mark.once),
    ],
)
@pytest.mark.slow
def test_what_is_frozen_stays_and_what_is_trained_moves(trainable, first, statistics_move, config_of, noise):
    network = build_network(config_of(*LITE, f"encoder.trainable={trainable}"))
    learner = Learner(network)
    learner.compile(keras.optimizers.SGD(0.1))
    before = {variable.path: np.array(variable) for variable in network.model.weights}
    for _ in range(2):  # the head starts at 0: in the first step no gradient comes past it
        learner.train_on_batch(noise(2, 64, 96))
    moved = {v.path for v in network.model.weights if (np.array(v) != before[v.path]).any()}
    of_encoder = {path for path in moved if path.startswith("encoder_")}
    blocks = {path.split("/")[0] for path in of_encoder}
    if first is None:
        assert not of_encoder
    else:
        names = [step.name for step in network.layers if step.stage == "encoder"]
        assert blocks == set(names[names.index(first) :]) == trained_of(network)
    assert any("moving_mean" in path for path in of_encoder) is statistics_move
    assert any(path.startswith("decoder_") for path in moved)


@pytest.mark.once
def test_maps_that_never_reach_the_head_are_not_kept(config_of):
    sizes = ["decoder.output_stride=4", "head=bins", "head.stride=4"]
    from colorize.models.color_bins import Bins, standard_bins

    centres = standard_bins()
    bins = Bins(centres, np.full(len(centres), 1 / len(centres)))
    network = build_network(config_of(*LITE, *sizes), bins)
    assert network.frozen.shapes == [(16, 24, 24), (8, 12, 40), (4, 6, 112), (2, 3, 320)]
    assert network.model.output_shape == (None, 16, 24, 313)
    ab = Colorizer(network).predict_on_batch(np.zeros((1, 64, 96, 3), "uint8"))
    assert ab.shape == (1, 64, 96, 2)


@pytest.mark.once
def test_the_dependency_map_shows_that_every_row_sees_all_and_the_report_says_so(config_of, noise, tmp_path):
    network = build_network(config_of(*LITE))
    assert check_wiring(network) == []
    fused = dependency_maps(network)[-1]
    assert (fused.values > 0).all(), "an encoder of stride 32 sees more than 64 rows"
    report = write_shapes(network, noise(2, 64, 96), tmp_path)
    assert "shows every row of the map the whole picture before" in report.explanation
    blocks = [row for row in report.rows if row.layer == "InvertedResidual"]
    assert len(blocks) == 16 and blocks[-1].seen == "(2, 2, 3, 320)"


@pytest.mark.once
def test_it_computes_in_mixed_precision(config_of, noise):
    network = build_network(config_of(*LITE, "trainer.precision=mixed_bfloat16"))
    assert network.layer("encoder_block5").output.dtype == "bfloat16"
    assert network.layer("encoder_grey").output.dtype == "float32"
    learner = Learner(network)
    learner.compile("sgd")
    assert np.isfinite(learner.train_on_batch(noise(2, 64, 96), return_dict=True)["loss"])


@pytest.mark.once
def test_weights_that_are_not_there_are_told_before_keras_starts(monkeypatch):
    monkeypatch.setattr("colorize.config.efficientnet.find_spec", lambda name: None)
    with refused("encoder.weights.not_installed", error=Refusal) as raised:
        composed(["encoder=efficientnet_lite0"])
    assert [problem.key for problem in raised.value.problems] == ["encoder.weights"]
    with refused("encoder.weights.no_file", error=Refusal) as raised:
        composed(["encoder=efficientnet_lite0", "encoder.weights=nowhere.pth"])
    assert [problem.key for problem in raised.value.problems] == ["encoder.weights"]
    assert composed(["encoder=efficientnet_lite0", "init=pretrained"]).init == "pretrained"


@pytest.mark.once
def test_weights_of_another_network_are_reported():
    other = composed(["encoder=efficientnet_lite2"]).encoder.weights_file
    config = composed(["encoder=efficientnet_lite0", f"encoder.weights={other}"])
    with pytest.raises(UserError) as raised:
        build(config.encoder, keras.Input((64, 96, 1)))
    kerass = raised.value.__context__
    assert_wording("encoder.weights.other_network", str(raised.value), file=other, reason=kerass)


@pytest.mark.once
@pytest.mark.parametrize(("overrides", "names", "key"), [
    (["fusion.stride=2", "decoder.output_stride=4"], "fusion.stride", "fusion.stride.output_stride"),
    (["decoder.output_stride=3"], "decoder.output_stride", "decoder.output_stride.unknown"),
    (["decoder.output_stride=4", "head=bins", "head.stride=2"], "head.stride", "head.stride.output_stride"),
    (["encoder.trainable=8"], "encoder.trainable", "encoder.trainable.too_many"),
    (["encoder.trainable=some"], "encoder.trainable", "encoder.trainable.unknown"),
])  # fmt: skip
def test_what_cannot_go_together_is_reported(overrides, names, key):
    with refused(key, error=Refusal) as raised:
        composed(["encoder=efficientnet_lite0", "encoder.weights=none", "data.height=64", "data.width=96", *overrides])
    assert [problem.key for problem in raised.value.problems] == names.split()
