"""`python -m colorize paint`: files and folders in, files out, and what is said of those that fail."""

import os
import re
import shutil

import numpy as np
import pytest
from messages import assert_wording
from PIL import Image
from skimage import color as reference
from skimage import data
from small import about, keep

from colorize.__main__ import main
from colorize.cli import paint as command
from colorize.inference.jobs import Job
from colorize.inference.pipeline import ColorizationPipeline
from colorize.runs.layout import RESULT, load_config
from colorize.runs.model_file import MODEL
from colorize.runs.weights import load_colorizer, save_model

pytestmark = pytest.mark.once


@pytest.fixture
def album(tmp_path, noise):
    """Two photos, a grey one below, and a file that is none."""
    folder = tmp_path / "album"
    (folder / "old").mkdir(parents=True)
    Image.fromarray(data.chelsea()[:60, :90]).save(folder / "cat.png")
    Image.fromarray(noise(20, 30)).save(folder / "noise.bmp")
    Image.fromarray(noise(20, 30)[..., 0]).save(folder / "old" / "grey.png")
    (folder / "broken.jpg").write_bytes(b"no photo")
    return folder


def opened(path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
    return image


def paint(*arguments) -> int:
    """Runs the command; its exit status."""
    try:
        main(["paint", *map(str, arguments)])
    except SystemExit as ended:
        return ended.code
    return 0


def test_all_are_painted_and_the_broken_one_is_named(album, model_folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert paint(album, "--model", model_folder, "--out", out) == 1
    told = capsys.readouterr()
    assert_wording("paint.no_photo_among_others", told.err)
    assert str(out / "cat.png") in told.out and "nearly grey" not in told.out
    painted = {path.relative_to(out).as_posix(): opened(path) for path in out.rglob("*") if path.is_file()}
    assert {name: image.size for name, image in painted.items()} == {
        "cat.png": (90, 60), "noise.bmp": (30, 20), "old/grey.png": (30, 20),
    }  # fmt: skip
    lab = reference.rgb2lab(np.asarray(painted["cat.png"]))
    middle = (lab[..., 0] > 45) & (lab[..., 0] < 70)
    np.testing.assert_allclose(lab[middle][:, 1:], np.broadcast_to([20, -30], (middle.sum(), 2)), atol=2)


def test_nothing_is_overwritten_unless_asked_for(album, model_folder, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "cat.png").write_text("mine")
    arguments = [album / "cat.png", album / "noise.bmp", "--model", model_folder, "--out", out]
    assert paint(*arguments) == 1
    assert_wording("paint.one_is_there_already", capsys.readouterr().err)
    assert (out / "cat.png").read_text() == "mine" and (out / "noise.bmp").exists()
    assert paint(*arguments) == 2
    assert_wording("paint.all_are_there_already", capsys.readouterr().err)
    assert paint(*arguments, "--overwrite") == 0
    assert opened(out / "cat.png").size == (90, 60)


def test_a_grid_lies_beside_each(album, model_folder, tmp_path):
    out = tmp_path / "out"
    assert paint(album / "cat.png", album / "old", "--model", model_folder, "--out", out, "--compare") == 0
    cat, grey = [np.asarray(opened(out / f"{name}.png.compare.png")) for name in ("cat", "grey")]
    assert cat.shape == (3 * 60 + 2 * 4, 90, 3), "grey, painted, truth"
    assert grey.shape == (2 * 20 + 4, 30, 3), "there is no truth"
    np.testing.assert_array_equal(cat[64:124], np.asarray(opened(out / "cat.png")))
    np.testing.assert_array_equal(cat[128:], data.chelsea()[:60, :90])
    assert np.ptp(cat[:60].astype(int), axis=-1).max() <= 1


def test_a_grid_that_is_there_is_not_replaced_either(album, model_folder, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "cat.png.compare.png").write_text("mine")
    arguments = [album / "cat.png", album / "noise.bmp", "--model", model_folder, "--out", out, "--compare"]
    assert paint(*arguments) == 1
    assert_wording("paint.grid_is_there_already", capsys.readouterr().err)
    assert (out / "cat.png.compare.png").read_text() == "mine" and not (out / "cat.png").exists()


def test_one_that_fails_in_a_way_nobody_thought_of_does_not_stop_the_others(
    album, model_folder, tmp_path, capsys, monkeypatch
):
    write = command.write

    def sometimes(photo, target):
        if target.name == "cat.png":
            raise TypeError("odd")
        write(photo, target)

    monkeypatch.setattr(command, "write", sometimes)
    out = tmp_path / "out"
    assert paint(album / "cat.png", album / "noise.bmp", "--model", model_folder, "--out", out) == 1
    assert_wording("paint.unexpected_error", capsys.readouterr().err)
    assert (out / "noise.bmp").exists()


def test_frames_that_are_lost_are_reported(model_folder, tmp_path, noise, capsys):
    pages = [Image.fromarray(noise(20, 30)) for _ in range(3)]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    assert paint(tmp_path / "scan.tif", "--model", model_folder, "--out", tmp_path / "out") == 0
    assert "1 had several frames or pages, of which the first is left: scan.tif" in capsys.readouterr().out


def test_bits_that_are_lost_are_reported(model_folder, tmp_path, capsys):
    Image.fromarray((np.arange(600).reshape(20, 30) * 100).astype("uint16")).save(tmp_path / "scan.jp2")
    assert paint(tmp_path / "scan.jp2", "--model", model_folder, "--out", tmp_path / "out") == 0
    assert "1 had more than 8 bits a channel, of which 8 are left: scan.jp2" in capsys.readouterr().out


def test_what_was_painted_with_grids_can_be_painted_again(album, model_folder, tmp_path):
    first, again = tmp_path / "first", tmp_path / "again"
    assert paint(album / "cat.png", "--model", model_folder, "--out", first, "--compare") == 0
    assert paint(first, "--model", model_folder, "--out", again, "--compare") == 0
    assert sorted(path.name for path in again.iterdir()) == ["cat.png", "cat.png.compare.png"]
    assert opened(again / "cat.png").size == (90, 60)


def test_where_one_cannot_be_painted_with_the_others_each_is_tried_alone(
    album, model_folder, tmp_path, capsys, monkeypatch
):
    paint_in_place = ColorizationPipeline.paint_in_place

    def without_memory(pipeline, images, **how):
        if any(image.size == (90, 60) for image in images):
            raise MemoryError
        return paint_in_place(pipeline, images, **how)

    monkeypatch.setattr(ColorizationPipeline, "paint_in_place", without_memory)
    out = tmp_path / "out"
    assert paint(album / "cat.png", album / "noise.bmp", "--model", model_folder, "--out", out, "--compare") == 1
    assert_wording("paint.no_memory", capsys.readouterr().err)
    assert sorted(path.name for path in out.iterdir()) == ["noise.bmp", "noise.bmp.compare.png"]


def test_the_run_that_finished_last_is_taken(album, model_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for age, place in enumerate(["outputs/b", "multirun/x/0", "outputs/a"]):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        save_model(load_colorizer(model_folder), folder / MODEL, about(load_config(model_folder), name=place))
        (folder / RESULT).write_text("{}")
        os.utime(folder / RESULT, (1e9 - age, 1e9 - age))
    (tmp_path / "outputs" / "unfinished").mkdir()
    smoke = tmp_path / "outputs" / "smoke"
    shutil.copytree(tmp_path / "outputs" / "b", smoke)
    (smoke / ".hydra").mkdir()
    (smoke / ".hydra" / "overrides.yaml").write_text("- debug=smoke\n")
    assert paint(album / "cat.png", "--model", "latest") == 0
    assert "model     outputs/b: trained on 1 photos" in capsys.readouterr().out
    assert (tmp_path / "painted" / "cat.png").exists()


def test_where_no_photo_is_named_those_of_scikit_image_are_painted(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert paint() == 0
    assert "four of scikit-image" in capsys.readouterr().out
    shapes = {path.stem: np.asarray(opened(path)).shape for path in (tmp_path / "painted").iterdir()}
    expected = {"astronaut": (512, 512, 3), "cat": data.chelsea().shape, "coffee": (400, 600, 3)}
    assert shapes == {**expected, "rocket": (427, 640, 3)}


def test_where_no_model_is_named_the_one_in_the_box_paints(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(data.coffee()).save(tmp_path / "coffee.png")
    assert paint("coffee.png", "--saturation", "1.2") == 0
    told = capsys.readouterr().out
    assert re.search(
        r"model     photos: trained on 9,\d{3} photos \(.*\), \d+ epochs, 20\d\d-\d\d-\d\d, val ab RMSE \d+", told
    )
    photos = [Image.open(tmp_path / name) for name in ("coffee.png", "painted/coffee.png")]
    ab = [reference.rgb2lab(np.asarray(photo))[..., 1:] for photo in photos]
    grey = np.sqrt(np.mean(ab[0] ** 2))
    assert np.sqrt(np.mean((ab[0] - ab[1]) ** 2)) < 0.9 * grey, "wood is brown and the cup is red"


def test_a_model_without_an_opinion_is_reported(album, config_of, tmp_path, capsys):
    from colorize.models.colorizer import build_network

    model = tmp_path / "model"
    model.mkdir()
    keep(config_of(), build_network(config_of()), model)  # its head starts at zero
    assert paint(album / "cat.png", "--model", model, "--out", tmp_path / "out") == 0
    assert "1 came out nearly grey" in capsys.readouterr().out


@pytest.mark.parametrize(
    "key", ["paint.command.no_photo", "paint.no_model", "paint.out_is_a_file", "head.temperature.of_another_head"]
)
def test_a_mistake_is_told_before_anything_is_painted(key, album, model_folder, tmp_path, capsys):
    out = tmp_path / "out"
    given = {"photo": album / "cat.png", "--model": model_folder, "--out": out}
    more = []
    if key == "paint.command.no_photo":
        given["photo"] = tmp_path / "no.jpg"
    elif key == "paint.no_model":
        given["--model"] = tmp_path / "nowhere"
    elif key == "paint.out_is_a_file":
        given["--out"] = album / "cat.png"
    else:
        more = ["--temperature", "0.5"]
    photo = given.pop("photo")
    assert paint(photo, *(text for pair in given.items() for text in pair), *more) == 2
    assert_wording(key, capsys.readouterr().err)
    assert not out.exists()


def test_photos_share_the_memory_there_is(tmp_path):
    def sizes(*pixels):
        jobs = [Job(tmp_path / str(i), tmp_path / str(i), size) for i, size in enumerate(pixels)]
        groups = list(command.groups(jobs))
        assert sum(groups, []) == jobs
        return [len(group) for group in groups]

    assert sizes(*[1000] * 70) == [32, 32, 6]
    assert sizes(100_000_000, 1000, 100_000_000) == [1, 1, 1]
    assert sizes(6_000_000, 6_000_000, 6_000_000) == [2, 1]


def test_what_is_no_file_is_refused_at_once(tmp_path, model_folder, capsys):
    os.mkfifo(tmp_path / "pipe.png")
    assert paint(tmp_path / "pipe.png", "--model", model_folder) == 2
    assert_wording("paint.pipe", capsys.readouterr().err, place=tmp_path)


def test_an_empty_argument_is_not_the_working_folder(capsys):
    assert paint("") == 2
    assert "an argument is empty" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["PLACE.png"], ["--model", "PLACE"], [".", "--out", "PLACE"]])
def test_a_place_that_cannot_be_looked_at_is_said_without_a_trace(arguments, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert paint(*[text.replace("PLACE", "a" * 300) for text in arguments]) == 2
    told = capsys.readouterr().err
    assert "File name too long; choose another place" in told and "Traceback" not in told


def test_a_long_name_has_its_comparison_too(tmp_path, model_folder, noise):
    name = "n" * 245 + ".png"
    Image.fromarray(noise(20, 30)).save(tmp_path / name)
    out = tmp_path / "out"
    assert paint(tmp_path / name, "--compare", "--model", model_folder, "--out", out) == 0
    assert len([path for path in out.iterdir() if path.name.endswith(".compare.png")]) == 1 and (out / name).exists()
