"""What is said of a comparison."""

import dataclasses

import pytest

from colorize.comparison.groups import group_runs
from colorize.comparison.report import make_comparison

pytestmark = pytest.mark.once


def test_what_was_measured_differently_is_said_of_its_group(run_of):
    one, other = run_of("a", seed=1), run_of("b", "fusion=none", seed=1)
    told = dataclasses.replace(other.evaluation, protocol=["A protocol.", "Its own."], temperature=0.2)
    groups, _ = group_runs([one, dataclasses.replace(other, evaluation=told)])
    comparison = make_comparison(groups, groups[0], [])
    assert comparison.protocol == ["A protocol.", f"{groups[1].label}: Its own."]
    assert "temperature" not in comparison.title
    assert make_comparison(groups[1:], groups[1], []).title.endswith("at 16 x 32, temperature 0.2")
