"""Backbones: what they are given, where their answer goes; without any weights of ImageNet."""

import hashlib

import keras
import numpy as np
import pytest
from backbones import KEPT, NAMES, with_backbone
from keras import ops
from messages import assert_wording, refused
from skimage import color as reference
from small import keep

from colorize.backend import Device
from colorize.data.load import read_dataset
from colorize.errors import UserError, first_line
from colorize.models import backbone as module
from colorize.models.backbone import APPLICATIONS, Application, Backbone
from colorize.models.colorizer import Colorizer, build_network
from colorize.runs.model_file import read_config
from colorize.runs.weights import load_colorizer
from colorize.tracking.tracker import Tracker
from colorize.training.learner import Learner
from colorize.training.run import run as training_run
from colorize.training.signals import StopSignals

EXPECTED_OF_GREY = {  # of a pixel of value v, by the papers' code: scaled to -1..1; BGR less a mean; as in torchvision
    "inception_resnet_v2": lambda v: [v / 127.5 - 1] * 3,
    "mobilenet": lambda v: [v / 127.5 - 1] * 3,
    "vgg19": lambda v: [v - 103.939, v - 116.779, v - 123.68],
    "densenet121": lambda v: [(v / 255 - m) / s for m, s in zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))],
}


@pytest.mark.parametrize("name", NAMES)
def test_each_network_gets_grey_of_0_to_255_prepared_as_it_was_trained(name, config_of, monkeypatch):
    """The network itself is left out, so that what it would be given comes out."""
    monkeypatch.setitem(
        module.APPLICATIONS, name, Application(lambda **options: keras.layers.Identity(), APPLICATIONS[name].preprocess)
    )
    network = Backbone(with_backbone(config_of, name).backbone)
    lightness = np.array([0.0, 35.0, 80.0, 100.0], "float32")
    flat = np.broadcast_to(lightness[:, None, None, None], (4, 8, 6, 1)).copy()
    prepared = ops.convert_to_numpy(network(flat))
    assert prepared.shape == (4, NAMES[name], NAMES[name], 3)
    for own, value in zip(prepared, lightness):
        grey = reference.lab2rgb([[[value, 0, 0]]])[0, 0, 0] * 255
        np.testing.assert_allclose(own[5, 7], EXPECTED_OF_GREY[name](grey), atol=0.02)


@pytest.mark.once
@pytest.mark.parametrize("name", ["mobilenet"])
def test_a_real_network_is_frozen_and_says_no_probabilities(name, config_of, noise):
    network = build_network(with_backbone(config_of, name))
    learner = Learner(network)
    learner.compile("sgd")
    before = [np.array(weight) for weight in network.backbone.get_weights()]
    learner.train_on_batch(noise(2, 16, 32))
    assert not network.backbone.trainable_variables
    for old, new in zip(before, network.backbone.get_weights()):
        np.testing.assert_array_equal(old, new)
    embedding = ops.convert_to_numpy(network.backbone(np.full((1, 16, 32, 1), 50, "float32")))
    assert embedding.shape == (1, 1000) and embedding.min() < 0 and np.ptp(embedding) > 1e-3


def test_the_embedding_reaches_every_cell_and_is_fused_as_published(tiny, config_of, noise):
    config = with_backbone(config_of, "mobilenet", "fusion=row_gru", "backbone.channels=5")
    network = build_network(config)
    rgb = noise(2, 16, 32)
    names = ("encoder_level3_relu", "embedding_fuse")
    model = keras.Model(network.model.inputs, [network.layer(name).output for name in names])
    embedding = np.random.default_rng(0).normal(size=(2, 1000)).astype("float32")
    lightness = np.random.default_rng(1).uniform(-1, 1, (2, 16, 32, 1)).astype("float32")
    features, fused = [ops.convert_to_numpy(x) for x in model([lightness, embedding])]
    kernel, bias = [w.numpy() for w in network.layer("embedding_fuse").layer.weights]
    for photo, row, column in np.ndindex(2, 2, 4):
        beside = np.concatenate([features[photo, row, column], embedding[photo]])
        np.testing.assert_allclose(fused[photo, row, column], np.maximum(beside @ kernel[0, 0] + bias, 0), atol=1e-4)
    assert network.layer("to_sequence").output.shape[1:] == (2, 4 * 5), "the GRUs read the joined map"
    assert np.isfinite(ops.convert_to_numpy(Colorizer(network).predict_on_batch(rgb))).all()


@pytest.mark.once
@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.slow
def test_a_whole_run_with_a_backbone(kept, tiny, config_of, tmp_path, capsys):
    """From photos to result: with embeddings computed before, and in every step; the weights of a file are pinned."""
    path = tmp_path / "imagenet.weights.h5"
    Backbone(with_backbone(config_of).backbone).network.save_weights(path)
    overrides = [f"backbone.weights={path}", "trainer.epochs=1", "fusion=none", *(KEPT if kept else [])]
    config, run = with_backbone(config_of, "mobilenet", *overrides), tmp_path / "run"
    run.mkdir()
    device = Device(config.backend, "cpu", "CPU")
    result = training_run(config, read_dataset(config.data), device, Tracker(), StopSignals(), run, [], 0.0)
    assert np.isfinite(result.metrics["ab_rmse"]) and result.frozen_parameters == 3 * 1000 + 1000
    assert ("its features are cached" if kept else "in every step") in capsys.readouterr().out.replace("\n", " ")
    shapes = (run / "shapes.txt").read_text()
    assert "embedding_fuse" in shapes and "class of ImageNet" in shapes
    assert read_config(run).backbone.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()

    path.unlink()
    found = load_colorizer(run)
    assert found.backbone.network.count_params() == result.frozen_parameters, "its weights are in the model file"


@pytest.mark.once
@pytest.mark.slow
def test_who_begins_with_another_model_has_the_backbone_of_the_file_all_the_same(tiny, config_of, tmp_path):
    """And answers are kept by the weights that gave them, whatever these are called."""
    path, runs = tmp_path / "imagenet.weights.h5", [tmp_path / "first", tmp_path / "second"]
    own = Backbone(with_backbone(config_of).backbone).network
    own.set_weights([weight + 0.5 for weight in own.get_weights()])
    own.save_weights(path)
    for run, init in zip(runs, ([], [f"init={runs[0]}"])):
        run.mkdir()
        cache = f"data.cache={tmp_path / 'cache'}"
        overrides = [
            f"backbone.weights={path}",
            "trainer.epochs=1",
            "fusion=none",
            "trainer.num_visualized_photos=0",
            cache,
            *KEPT,
        ]
        config = with_backbone(config_of, "mobilenet", *overrides, *init)
        training_run(config, read_dataset(config.data), Device(config.backend, "cpu", "CPU"), Tracker(), StopSignals(),
                     run, [], 0.0)  # fmt: skip
        for found, expected in zip(load_colorizer(run).backbone.get_weights(), own.get_weights()):
            np.testing.assert_array_equal(found, expected)
    assert len(list((tmp_path / "cache" / "features").iterdir())) == 2, "of train and val, the same for both runs"
    frozen = build_network(with_backbone(config_of)).frozen  # random, with the same name and size
    assert frozen.key() != build_network(with_backbone(config_of, "mobilenet", f"backbone.weights={path}")).frozen.key()


def test_a_model_with_a_backbone_is_found_again_in_one_file(tiny, config_of, noise, tmp_path):
    config, rgb = with_backbone(config_of), noise(1, 16, 32)
    network = build_network(config)
    network.model.get_layer("head_ab_scaled").kernel.assign(np.full((1, 1, 16, 2), 0.1, "float32"))
    keep(config, network, tmp_path)
    expected = ops.convert_to_numpy(Colorizer(network).predict_on_batch(rgb))
    keras.utils.set_random_seed(7)
    found = ops.convert_to_numpy(load_colorizer(tmp_path).predict_on_batch(rgb))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert np.abs(found).max() > 0


def test_without_a_network_one_sentence_says_what_to_do(config_of, monkeypatch):
    def fails(**options):
        raise Exception("URL fetch failure on https://example.org: None -- no network")

    monkeypatch.setitem(module.APPLICATIONS, "vgg19", Application(fails, APPLICATIONS["vgg19"].preprocess))
    with refused("backbone.weights.no_network") as raised:
        Backbone(config_of("backbone=vgg19").backbone)
    assert "\n" not in str(raised.value)


def test_a_file_of_other_weights_is_refused(tiny, config_of, tmp_path):
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    other.save_weights(tmp_path / "other.weights.h5")
    config = config_of("backbone=mobilenet", f"backbone.weights={tmp_path / 'other.weights.h5'}")
    with pytest.raises(UserError) as raised:
        Backbone(config.backbone)
    kerass = first_line(raised.value.__context__)
    assert_wording("backbone.weights.other_network", str(raised.value), reason=kerass)


def test_weights_of_a_file_are_taken(tiny, config_of, tmp_path):
    random = Backbone(with_backbone(config_of).backbone)
    path = tmp_path / "own.weights.h5"
    random.network.set_weights([weight + 0.5 for weight in random.network.get_weights()])
    random.network.save_weights(path)
    loaded = Backbone(config_of("backbone=mobilenet", f"backbone.weights={path}", "backbone.size=32").backbone)
    lightness = np.full((1, 8, 8, 1), 60, "float32")
    np.testing.assert_allclose(
        ops.convert_to_numpy(loaded(lightness)), ops.convert_to_numpy(random(lightness)), rtol=1e-5
    )
