"""What a runtime says of an exported ONNX file."""

import numpy as np
import onnx
import onnxruntime
import pytest
from shaken import shaken

from colorize import __version__
from colorize.export.formats import FORMATS
from colorize.export.graph import painting_graph
from colorize.models.colorizer import Colorizer

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what writes the format


def test_inputs_outputs_and_axes_have_names_and_the_file_says_what_it_is(config_of, noise, tmp_path):
    graph, path = painting_graph(Colorizer(shaken(config_of("fusion=none"))), False, None), tmp_path / "a.onnx"
    FORMATS["onnx"].save(graph, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (rgb,), (colorized,) = session.get_inputs(), session.get_outputs()
    assert (rgb.name, rgb.type, rgb.shape) == ("rgb", "tensor(uint8)", ["photos", 16, 32, 3])
    assert (colorized.name, colorized.type, colorized.shape) == ("colorized", "tensor(uint8)", ["photos", 16, 32, 3])
    about = session.get_modelmeta()
    assert about.producer_name == "colorize" and "lightness" in about.description
    assert {"rows": "16", "columns": "32"}.items() <= about.custom_metadata_map.items()
    assert onnx.load(str(path)).producer_version == __version__
    photos = noise(3, 16, 32)
    painted = eval(about.custom_metadata_map["use"], {"session": session, "photos": photos})[0]
    assert np.abs(painted.astype(int) - graph.predict_on_batch(photos).astype(int)).max() <= 1
