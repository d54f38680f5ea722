"""Exported models: each file gives the colours of the original, in the program that it is meant for."""

import importlib.util
import re

import numpy as np
import pytest
from messages import assert_wording, ended, refused
from shaken import shaken
from small import keep

from colorize.__main__ import main
from colorize.cli import export as export_command
from colorize.cli.export import export
from colorize.errors import UserError
from colorize.export.formats import FORMATS
from colorize.inference.load import pipeline_of
from colorize.runs.model_file import BOX

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what writes the formats


@pytest.fixture
def model(tmp_path, config_of):
    """A model whose colours vary, of 16 x 32."""
    config = config_of("fusion.units=4", "fusion.channels=2")
    folder = tmp_path / "model"
    folder.mkdir()
    keep(config, shaken(config), folder)
    return folder


@pytest.mark.parametrize("name", FORMATS)
def test_an_exported_model_paints_as_the_original(name, model, noise, tmp_path, capsys):
    main(["export", str(model), "--format", name, "--out", str(tmp_path / "out")])
    path = tmp_path / "out" / f"colorizer{FORMATS[name].ending}"
    told = capsys.readouterr().out
    assert path.name in told and repr(str(path)) in told and "checked on 8 photos" in told
    rgb = noise(1, 16, 32)
    painted = FORMATS[name].load(path)(rgb)
    assert painted.dtype == np.uint8 and painted.shape == rgb.shape
    expected = np.asarray(pipeline_of(model).paint(rgb[0])).astype(int)
    assert np.abs(painted[0] - expected).max() <= 1 and np.abs(expected - rgb[0]).max() > 20


@pytest.mark.parametrize("given", [["--format", "keras", "MODEL"], ["--model", "MODEL", "--format", "keras"]])
def test_the_model_may_stand_anywhere(given, model, tmp_path):
    main(["export", *[str(model) if text == "MODEL" else text for text in given], "--out", str(tmp_path / "out")])
    assert (tmp_path / "out" / "colorizer.keras").is_file()


@pytest.mark.parametrize(
    ("key", "given"), [("export.no_format", ["--format", "onx"]), ("export.models", ["a", "--format", "onnx", "b"])]
)
def test_what_is_neither_a_format_nor_one_model_is_named(key, given, tmp_path, capsys):
    with ended(key, capsys):
        main(["export", *given, "--out", str(tmp_path / "out")])


@pytest.mark.slow
def test_the_model_in_the_box_is_written_in_every_format(noise, tmp_path, capsys):
    """A head of bins over EfficientNet; each file is run on eight photos as it is written."""
    exported = export(None, list(FORMATS), tmp_path / "out")
    assert [one.largest <= 1 for one in exported] == [True] * 4
    rgb = noise(1, 128, 128)
    expected = np.asarray(pipeline_of(BOX, resize_mode="stretch").paint(rgb[0])).astype(int)
    again = FORMATS["keras"].load(tmp_path / "out" / "colorizer.keras")(rgb)[0]
    assert np.abs(again - expected).max() <= 1


def test_several_photos_go_into_an_onnx_model_together(model, noise, tmp_path):
    import onnxruntime

    export(str(model), ["onnx"], tmp_path / "out")
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "colorizer.onnx"))
    rgb, pipeline = noise(3, 16, 32), pipeline_of(model)
    (painted,) = session.run(["colorized"], {"rgb": rgb})
    for photo, answer in zip(rgb, painted):
        assert np.abs(answer - np.asarray(pipeline.paint(photo)).astype(int)).max() <= 1


def test_what_differs_too_much_is_removed(model, tmp_path, monkeypatch):
    save = FORMATS["keras"].save

    def wrong(graph, path):
        graph.set_weights([weight * 1.5 for weight in graph.get_weights()])
        save(graph, path)

    monkeypatch.setitem(FORMATS, "keras", FORMATS["keras"]._replace(save=wrong))
    with pytest.raises(UserError) as raised:
        export(str(model), ["keras"], tmp_path / "out")
    largest, mean = re.search(r"(\d+) of 255, ([\d.]+) in", str(raised.value)).groups()
    assert int(largest) > 2 and float(mean) > 0.05
    assert_wording("export.differs", str(raised.value), mean=mean, largest=largest)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_cannot_be_written_is_reported(model, tmp_path, monkeypatch):
    def fails(graph, path):
        path.write_text("half")
        raise RuntimeError("no such operation\nand a trace")

    monkeypatch.setitem(FORMATS, "keras", FORMATS["keras"]._replace(save=fails))
    with refused("export.not_written"):
        export(str(model), ["keras"], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_mistakes_are_told_at_once(model, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "colorizer.keras").write_text("mine")
    with refused("export.file_exists"):
        export(str(model), ["keras"], tmp_path / "out")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        export_command.importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else find(name)
    )
    with refused("export.not_installed"):
        export(str(model), ["onnx"], tmp_path / "out")
    assert (tmp_path / "out" / "colorizer.keras").read_text() == "mine"
