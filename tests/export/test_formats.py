"""Formats of exported models: each gives the colours of the original."""

import re
import zipfile

import numpy as np
import pytest
from shaken import shaken

from colorize.export.formats import FORMATS
from colorize.export.graph import painting_graph
from colorize.models.colorizer import Colorizer

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what writes the formats


@pytest.mark.parametrize(("name", "fusion"), [("onnx", "attention"), ("litert", "min_gru")])
def test_other_fusions_are_written_too(name, fusion, config_of, noise, tmp_path):
    colorizer, path = Colorizer(shaken(config_of(f"fusion={fusion}"))), tmp_path / f"a{FORMATS[name].ending}"
    rgb = noise(1, 16, 32)
    expected = painting_graph(colorizer, mirror=False).predict_on_batch(rgb).astype(int)
    FORMATS[name].save(painting_graph(colorizer, False, FORMATS[name].photos), path)
    assert np.abs(FORMATS[name].load(path)(rgb) - expected).max() <= 1


def test_a_keras_file_of_row_grus_needs_no_layer_of_ours(config_of, tmp_path):
    """As docs/serving.md says."""
    FORMATS["keras"].save(painting_graph(Colorizer(shaken(config_of())), mirror=False), tmp_path / "a.keras")
    with zipfile.ZipFile(tmp_path / "a.keras") as file:
        written = file.read("config.json").decode()
    assert "Bidirectional" in written and re.findall('"(colorize>[^"]+)"', written) == []


@pytest.mark.parametrize("fusion", ["pixel_gru", "min_gru", "attention"])
def test_layers_of_our_own_come_back_from_a_keras_file(fusion, config_of, noise, tmp_path):
    config = config_of(f"fusion={fusion}")
    graph = painting_graph(Colorizer(shaken(config)), mirror=False)
    FORMATS["keras"].save(graph, tmp_path / "a.keras")
    rgb = noise(1, 16, 32)
    np.testing.assert_array_equal(FORMATS["keras"].load(tmp_path / "a.keras")(rgb), graph.predict_on_batch(rgb))
