"""The dependency map shows what is wrong in a network, and that ours is right."""

import keras
import numpy as np
import pytest
from question import SIZES, questions_network
from small import small

from colorize.inspection.dependency_map import (
    DependencyMap,
    check_wiring,
    dependencies,
    dependency_figure,
    dependency_maps,
    wiring_faults,
)
from colorize.models.colorizer import build_network

pytestmark = pytest.mark.once


def maps_of(network, tensors):
    return dict(zip(tensors, dependencies(network.model.inputs, list(tensors.values()))))


@pytest.mark.parametrize("size", SIZES)
def test_the_map_catches_both_silent_faults_of_the_question(size):
    network, tensors = questions_network(*size)
    maps = maps_of(network, tensors)
    height = size[0]
    # Not bit for bit: what was broadcast is had back by a subtraction, which rounds.
    summary = np.broadcast_to(maps["forward"].mean(axis=0), maps["forward"].shape)
    np.testing.assert_allclose(maps["forward"], summary, atol=1e-4 * summary.max(), err_msg="all rows get one summary")
    assert (maps["forward"][:, height // 2 :] > 0).all(), "the top row depends on the lower half of the picture"
    mirrored = np.array([[j >= height - 2 - i for j in range(height)] for i in range(height)])
    assert not maps["backward"][~mirrored].any()
    assert (np.diagonal(maps["backward"][:, ::-1]) > 0).all(), "row i reads row H-1-i; what is far may fade away"
    assert (maps["merged"][0, height // 2 :] > 0).all(), "the top row of the first merge knows the lower half"
    assert (maps["fused"][0, height // 2 :] > 0).all(), "and so does that of the fused map"
    faults = wiring_faults(maps["features"], maps["forward"], maps["backward"])
    assert any("forward half depends on rows below" in fault for fault in faults)
    assert any("backward half depends on rows above" in fault for fault in faults)
    assert any("backward half does not depend on its own row" in fault for fault in faults)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wrong", ["forward", "backward"])
def test_each_fault_is_caught_by_itself(size, wrong):
    network, tensors = questions_network(*size)
    maps = maps_of(network, tensors)
    height = size[0]
    reach = np.array([[abs(i - j) <= 1 for j in range(height)] for i in range(height)], float)
    right = {"forward": np.tril(np.ones((height, height)), 1), "backward": np.triu(np.ones((height, height)), -1)}
    assert wiring_faults(reach, **right) == []
    faults = wiring_faults(reach, **{**right, wrong: maps[wrong]})
    assert faults and all(wrong in fault for fault in faults)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("overrides", [["experiment=question"], ["encoder=pyramid"], ["encoder.filters=[4]"]])
def test_the_corrected_wiring_is_right(size, overrides, config_of):
    network = build_network(config_of(*overrides, f"data.height={size[0]}", f"data.width={size[1]}"))
    assert check_wiring(network) == []


def test_the_maps_of_the_seed_are_triangles_but_for_the_convolutions_reach(config_of):
    network = build_network(config_of("experiment=question", "data.height=24"))
    reach, forward, backward, fused = [panel.values > 0 for panel in dependency_maps(network)]
    rows, inputs = np.mgrid[:24, :24]
    near = abs(rows - inputs) <= 8  # a GRU may forget what is far: only what it must not see is exact
    assert not forward[inputs > rows + 1].any() and forward[near & (inputs <= rows + 1)].all()
    assert not backward[inputs < rows - 1].any() and backward[near & (inputs >= rows - 1)].all()
    np.testing.assert_array_equal(reach, abs(rows - inputs) <= 1)
    assert fused[near].all(), "both halves together reach both sides"


def test_without_fusion_the_map_is_the_convolutions_reach(config_of):
    network = build_network(config_of("experiment=question", "data.height=24", "fusion=none"))
    (panel,) = dependency_maps(network)
    rows, inputs = np.mgrid[:24, :24]
    np.testing.assert_array_equal(panel.values > 0, abs(rows - inputs) <= 1)
    assert panel.title == "fused map" and panel.reach is None
    assert check_wiring(network) == []


def test_the_map_of_attention_is_the_same_piece_by_piece(config_of, monkeypatch):
    network = build_network(small(config_of, "attention"))
    (whole,) = dependency_maps(network)
    seen = []
    real = keras.Model.__call__
    monkeypatch.setattr(keras.Model, "__call__", lambda self, x, **k: seen.append(len(x)) or real(self, x, **k))
    monkeypatch.setattr(
        "colorize.inspection.dependency_map.PAIRS_AT_ONCE", 2 * 24**2 * 10
    )  # 2 heads, 6 x 4 cells, 10 pictures
    (pieces,) = dependency_maps(network)
    assert seen == [10, 10, 10], "25 pictures"
    np.testing.assert_allclose(pieces.values, whole.values, atol=1e-4 * whole.values.max())
    assert (whole.values > 0).all(), "each row hears of all"


def test_halves_of_another_length_are_a_fault():
    assert "3 rows where the feature map has 4" in wiring_faults(np.eye(4), np.ones((3, 4)), np.eye(4))[0]


def test_the_figure_shows_a_panel_per_map():
    figure = dependency_figure([DependencyMap("one", "rows", np.eye(4)), DependencyMap("two", "rows", np.ones((4, 6)))])
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:2] == ["one", "two"]
    shown = figure.axes[0].get_images()[0].get_array()
    assert shown[0, 0] == 0 and shown[0, 1] == -6


def test_the_figure_outlines_the_reach_of_the_convolutions():
    plain = dependency_figure([DependencyMap("one", "rows", np.ones((4, 6)))])
    outlined = dependency_figure([DependencyMap("one", "columns", np.ones((4, 6)), np.tri(4, 6))])
    assert outlined.axes[0].get_xlabel() == "column of the picture"
    assert not plain.axes[0].collections
    (outline,) = outlined.axes[0].collections
    points = np.concatenate([path.vertices for path in outline.get_paths()])  # (column, row), between two cells
    assert len(points) > 4
    np.testing.assert_allclose(points[:, 0] - points[:, 1], 0.5)


def test_a_map_of_one_row_is_outlined_and_one_that_is_seen_whole_is_not():
    reach = np.array([[0, 0, 1, 1, 1, 0, 0, 0]])
    figure = dependency_figure([DependencyMap("one", "rows", np.ones((1, 8)), reach)])
    (outline,) = figure.axes[0].collections
    points = np.concatenate([path.vertices for path in outline.get_paths()])
    assert set(points[:, 0]) == {1.5, 4.5} and figure.axes[0].get_xlim() == (-0.5, 7.5)
    assert figure.axes[0].get_ylim() == (0.5, -0.5)
    whole = dependency_figure([DependencyMap("one", "rows", np.ones((1, 8)), np.ones((1, 8)))])
    assert not whole.axes[0].collections
