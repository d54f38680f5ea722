"""Painting photos of any size, and refusing what is no model."""

import numpy as np
import pytest
from keras import ops
from PIL import Image
from skimage import color as reference
from skimage import data

from colorize.__main__ import main
from colorize.color import rgb_to_lab
from colorize.data.images import read_photo
from colorize.inference import paint_photo
from colorize.models.colorizer import Learner, build_network
from colorize.run_folder import BEST, save_config
from colorize.weights import load_colorizer, save_weights


@pytest.fixture
def model_folder(tmp_path, config_of):
    """A run folder whose network gives every pixel the ab (20, -30)."""
    config = config_of()
    network = build_network(config).model
    weights = network.get_weights()
    weights[-1] = np.array([20, -30]) / 110
    network.set_weights(weights)
    folder = tmp_path / "run"
    folder.mkdir()
    save_config(config, folder)
    save_weights(network, folder / BEST)
    return folder


def test_a_photo_of_scikit_image_keeps_its_size_and_lightness(model_folder, tmp_path):
    photo = tmp_path / "coffee.jpg"
    Image.fromarray(data.coffee()).save(photo, quality=95)
    main(["paint", str(photo), "--model", str(model_folder), "--out", str(tmp_path / "painted")])
    painted = np.asarray(read_photo(tmp_path / "painted" / "coffee.png"))
    assert painted.shape == data.coffee().shape
    before, after = reference.rgb2lab(np.asarray(read_photo(photo))), reference.rgb2lab(painted)
    middle = (before[..., 0] > 45) & (before[..., 0] < 70)  # where (20, -30) is in the gamut
    np.testing.assert_allclose(after[middle][:, 0], before[middle][:, 0], atol=1)
    np.testing.assert_allclose(after[middle][:, 1:], np.broadcast_to([20, -30], (middle.sum(), 2)), atol=2)


def test_colours_do_not_depend_on_those_of_the_photo(model_folder):
    colorizer = load_colorizer(model_folder)
    rgb = data.chelsea()[:90]
    grey = np.round(reference.lab2rgb(reference.rgb2lab(rgb) * [1, 0, 0]) * 255).astype("uint8")
    painted = [np.asarray(paint_photo(colorizer, Image.fromarray(x))).astype(int) for x in (rgb, grey)]
    assert np.abs(painted[0] - painted[1]).max() <= 3  # of rounding the grey photo to uint8


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (301, 5)])
def test_any_size_comes_back_at_that_size(size, model_folder, noise):
    painted = paint_photo(load_colorizer(model_folder), Image.fromarray(noise(size[1], size[0])))
    assert painted.size == size and painted.mode == "RGB"


def test_painting_in_bands_leaves_no_seam(model_folder, noise, monkeypatch):
    colorizer = load_colorizer(model_folder)
    weights = colorizer.network.get_weights()
    rng = np.random.default_rng(0)
    colorizer.network.set_weights([w + rng.normal(0, 0.05, w.shape) for w in weights])
    photo = Image.fromarray(noise(61, 90))
    whole = np.asarray(paint_photo(colorizer, photo)).astype(int)
    monkeypatch.setattr("colorize.inference.PIXELS_AT_ONCE", 90 * 7)
    banded = np.asarray(paint_photo(colorizer, photo)).astype(int)
    assert np.abs(whole - banded).max() <= 1


def test_stored_weights_come_back_the_same(model_folder, config_of, noise):
    loaded = load_colorizer(model_folder)
    again = Learner(build_network(config_of()))
    again.network.load_weights(model_folder / BEST)
    rgb = noise(2, 16, 32)
    ab = ops.convert_to_numpy(loaded(rgb))
    np.testing.assert_array_equal(ab, ops.convert_to_numpy(again(rgb)))
    np.testing.assert_allclose(ab, np.broadcast_to([20, -30], ab.shape), atol=1e-4)
    assert ops.convert_to_numpy(rgb_to_lab(rgb)).shape[:3] == ab.shape[:3]


def fails(capsys, *arguments) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["paint", *map(str, arguments)])
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.fixture
def photo(tmp_path, noise):
    path = tmp_path / "photo.png"
    Image.fromarray(noise(20, 30)).save(path)
    return path


def test_a_missing_model_is_an_error_and_paints_nothing(photo, tmp_path, capsys):
    message = fails(capsys, photo, "--model", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert "nowhere is no trained model" in message and "best.weights.h5" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", ["foreign", "more layers", "truncated", "text", "config", "yaml"])
def test_a_damaged_or_foreign_model_is_an_error(damage, model_folder, photo, config_of, tmp_path, capsys):
    best = model_folder / BEST
    if damage == "foreign":
        save_config(config_of("fusion.units=9"), model_folder)
    elif damage == "more layers":  # Keras would take what fits and pass over the rest
        save_config(config_of("fusion.merges=[sum]"), model_folder)
        save_weights(build_network(config_of("fusion.merges=[sum,sum]")).model, best)
    elif damage == "truncated":
        best.write_bytes(best.read_bytes()[:3000])
    elif damage == "yaml":
        (model_folder / "config.yaml").write_text("a: [1")
    elif damage == "text":
        best.write_text("weights")
    else:
        (model_folder / "config.yaml").write_text("seed: 1\n")
    message = fails(capsys, photo, "--model", model_folder, "--out", tmp_path / "out")
    assert str(model_folder) in message
    assert not (tmp_path / "out").exists()


def test_a_missing_photo_is_named(model_folder, tmp_path, capsys):
    assert "no photo" in fails(capsys, tmp_path / "no.jpg", "--model", model_folder, "--out", tmp_path / "out")


def test_the_photo_itself_is_never_replaced(model_folder, photo, capsys):
    before = photo.read_bytes()
    assert "would replace the photo" in fails(capsys, photo, "--model", model_folder, "--out", photo.parent)
    assert photo.read_bytes() == before


def test_two_photos_of_one_name_are_not_painted_over_each_other(model_folder, photo, noise, tmp_path, capsys):
    other = tmp_path / "photo.bmp"
    Image.fromarray(noise(20, 30)).save(other)
    assert "same name" in fails(capsys, photo, other, "--model", model_folder, "--out", tmp_path / "out")
