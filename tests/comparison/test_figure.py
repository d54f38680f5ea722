"""The picture of the differences."""

import pytest

from colorize.comparison.figure import differences_figure
from colorize.comparison.groups import group_runs
from colorize.comparison.report import make_comparison

pytestmark = pytest.mark.once


def test_the_picture_shows_every_difference_with_its_intervals_and_what_is_shown(run_of):
    of_each = {"none": (0.0, 0.0), "row_gru": (-1.0, -1.02), "conv": (0.1, -0.1)}
    runs = [
        run_of(f"{name}{seed}", f"fusion={name}", seed=seed, shift=shift)
        for name, shifts in of_each.items()
        for seed, shift in enumerate(shifts, start=1)
    ]
    groups, _ = group_runs(runs)
    comparison = make_comparison(groups, groups[0], [])
    (axes,) = differences_figure(comparison).axes
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert labels == list(comparison.differences)
    dots = {labels[int(line.get_ydata()[0])]: line for line in axes.lines if line.get_marker() == "o"}
    for label, values in comparison.differences.items():
        difference = values["ab_rmse"]
        assert dots[label].get_xdata()[0] == difference.mean
        bars = [tuple(line.get_xdata()) for line in axes.lines if tuple(line.get_ydata()) == (labels.index(label),) * 2]
        assert set(bars) == {difference.over_photos, difference.over_seeds}
        assert (dots[label].get_color() == "#0a6b2d") is (difference.conclusion("ab_rmse") == "better")
    conclusions = {values["ab_rmse"].conclusion("ab_rmse").split()[0] for values in comparison.differences.values()}
    assert conclusions == {"better", "no"}
    assert differences_figure(make_comparison(groups[:1], groups[0], [])) is None
