"""The report of shapes: it says what a timestep is, and agrees with a wrong network."""

import numpy as np
import pytest
from question import SIZES, questions_network

from colorize.inspection.shape_report import shape_report, write_shapes
from colorize.models.colorizer import build_network

pytestmark = pytest.mark.once


@pytest.mark.parametrize("size", SIZES)
def test_the_shapes_of_the_questions_wiring_look_right_which_is_the_trap(size):
    network, _ = questions_network(*size)
    picture = np.zeros((3, *size, 1), "float32")
    rows = {row.step: row for row in shape_report(network, picture)}
    height, width = size
    assert rows["merge1"].seen == f"(3, {height}, {width // 2})"
    assert rows["fuse"].seen == f"(3, {height}, {width}, 17)"
    assert all(row.declared.replace("B", "3", 1) == row.seen for row in rows.values())


def test_the_report_says_what_a_timestep_is(config_of, noise, tmp_path):
    network = build_network(config_of("data.height=64"))
    report = write_shapes(network, noise(5, 64, 32), tmp_path)
    rows = {row.step: row for row in report.rows}
    assert "timestep = row" in rows["to_sequence"].axes and "column x channel" in rows["to_sequence"].axes
    assert rows["to_sequence"].declared == "(B, 8, 256)" and rows["to_sequence"].seen == "(5, 8, 256)"
    assert "one row of the feature map" in report.explanation
    assert "4 columns x 64 channels" in report.explanation and "whole picture before" not in report.explanation
    text = (tmp_path / "shapes.txt").read_text()
    assert "timestep = row" in text and f"{network.model.count_params():,}" in text
    assert (tmp_path / "dependency_map.png").stat().st_size > 5_000
