"""Models that are loaded to paint, and what is refused."""

import numpy as np
import pytest
from messages import assert_wording, refused
from safetensors.numpy import save_file
from small import about

import colorize
from colorize.errors import UserError
from colorize.inference.pipeline import ColorizationPipeline
from colorize.models.colorizer import Colorizer, build_network
from colorize.runs.model_file import MODEL, read_about
from colorize.runs.weights import load_colorizer, save_model


@pytest.mark.parametrize("wrong", [-0.1, 2.1, float("nan"), "1"])
def test_a_saturation_that_is_none_is_reported(wrong, model_folder):
    with refused("saturation.range", received=repr(wrong)):
        colorize.load(model_folder, saturation=wrong)


def test_stored_weights_come_back_the_same(shaken, tmp_path, noise):
    colorizer, config = shaken()
    save_model(colorizer, tmp_path / MODEL, about(config))
    painted = [
        np.asarray(p.paint(noise(20, 30))) for p in (ColorizationPipeline(colorizer, config), colorize.load(tmp_path))
    ]
    np.testing.assert_array_equal(*painted)


@pytest.mark.parametrize(
    ("damage", "key"),
    [
        ("foreign", "model_file.other_shape"),
        ("more layers", "model_file.other_layers"),
        ("truncated", "model_file.damaged"),
        ("text", "model_file.damaged"),
        ("config", "model_file.config"),
        ("no words", "model_file.damaged"),
    ],
)
def test_a_damaged_or_foreign_model_is_an_error(damage, key, model_folder, config_of):
    model = model_folder / MODEL
    own = read_about(model)
    if damage == "foreign":
        save_model(load_colorizer(model), model, about(config_of("fusion.units=9")))
    elif damage == "more layers":
        larger = Colorizer(build_network(config_of("fusion.merge_modes=[sum,sum]")))
        save_model(larger, model, about(config_of("fusion.merge_modes=[sum]")))
    elif damage == "truncated":
        model.write_bytes(model.read_bytes()[:3000])
    elif damage == "text":
        model.write_text("weights")
    elif damage == "config":
        save_model(load_colorizer(model), model, own.model_copy(update={"config": {"seed": 1}}))
    else:
        save_file({"a": np.zeros(3)}, model)
    with pytest.raises(UserError) as raised:
        colorize.load(model_folder)
    others = raised.value.__context__ if key == "model_file.damaged" else "REASON"
    assert_wording(key, str(raised.value), file=model, reason=others)


def test_a_missing_model_and_a_wrong_setting_are_errors(model_folder, tmp_path, monkeypatch):
    with refused("model.missing"):
        colorize.load(tmp_path)
    with refused("resize_mode.unknown"):
        colorize.load(model_folder, resize_mode="crop")
    with refused("upsampling.unknown"):
        colorize.load(model_folder, upsampling=None)
    monkeypatch.chdir(tmp_path)
    with refused("model.latest"):
        colorize.load("latest")


def test_the_weights_that_are_loaded_are_the_best(model_folder):
    network = load_colorizer(model_folder).network
    np.testing.assert_allclose(network.get_weights()[-1], np.array([20, -30]) / 110, atol=1e-6)
