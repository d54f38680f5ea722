"""Intervals over seeds and photos, paired differences, and what is concluded."""

import numpy as np
import pytest
from scipy import stats

from colorize.comparison.groups import group_runs
from colorize.comparison.statistics import Difference, bootstrap, differences, estimates, seed_limits, t_limits

pytestmark = pytest.mark.once


def test_over_seeds_the_interval_is_students_t(run_of):
    (group,), _ = group_runs([run_of(f"r{seed}", seed=seed, shift=seed / 10) for seed in (1, 2, 3)])
    values = [run.evaluation.metrics["ours"]["ab_rmse"] for run in group.runs]
    estimate = estimates(group)["ab_rmse"]
    half = 4.302653 * np.std(values, ddof=1) / np.sqrt(3)  # t of 2 degrees of freedom, at 97.5 %
    assert estimate.over == "seeds" and estimate.mean == pytest.approx(np.mean(values))
    assert estimate.limits == pytest.approx((np.mean(values) - half, np.mean(values) + half), rel=1e-5)
    assert t_limits([3.0]) is None and t_limits([2.0, 2.0]) == (2.0, 2.0)


def test_with_one_seed_it_is_a_bootstrap_over_photos_near_the_normal_interval(run_of):
    (group,), _ = group_runs([run_of("alone", photos=400)])
    estimate, values = estimates(group)["ab_mae"], group.runs[0].values["ab_mae"]
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert estimate.over == "photos" and np.mean(values) == pytest.approx(estimate.mean)
    assert estimate.limits == pytest.approx((values.mean() - half, values.mean() + half), rel=0.02)
    low, high = estimates(group)["ab_rmse"].limits
    assert low < np.sqrt(np.mean(group.runs[0].values["ab_rmse"] ** 2)) < high
    assert estimates(group) == estimates(group), "the same runs give the same intervals"


def test_the_bootstrap_covers_about_as_often_as_it_says():
    hits = 0
    for seed in range(100):
        sample = np.random.default_rng(seed).normal(3.0, 2.0, 50)
        low, high = bootstrap(50, lambda rows, sample=sample: {"mean": sample[rows].mean(axis=-1)})["mean"]
        hits += low <= 3.0 <= high
    assert 86 <= hits <= 100


def test_a_paired_difference_is_far_narrower_than_the_intervals_of_the_two(run_of):
    groups, _ = group_runs([run_of("ref", "fusion=none"), run_of("other", "fusion=row_gru", shift=-0.3)])
    difference = differences(groups[1], groups[0])["ab_rmse"]
    low, high = difference.over_photos
    wide_low, wide_high = estimates(groups[0])["ab_rmse"].limits
    assert high - low < (wide_high - wide_low) / 3
    assert low < difference.mean < high < 0 and difference.conclusion("ab_rmse").startswith(
        "better on these photos; with one seed"
    )
    assert difference.better > 0.5 and difference.over_seeds is None
    ours, theirs = (group.runs[0].evaluation.metrics["ours"]["ab_rmse"] for group in (groups[1], groups[0]))
    assert difference.mean == pytest.approx(ours - theirs)


def test_equal_groups_show_no_difference_and_say_so(run_of):
    groups, _ = group_runs([run_of("same1", "fusion=none"), run_of("same2", "fusion=row_gru")])
    difference = differences(groups[1], groups[0])["ab_rmse"]
    assert difference.conclusion("ab_rmse") == "no difference shown: the interval over photos includes zero"


def test_over_seeds_differences_are_paired_where_the_seeds_are_the_same():
    ours, theirs = [10.0, 12.0, 14.0], [10.5, 12.6, 14.4]
    low, high = seed_limits(ours, theirs, paired=True)
    expected = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    assert (low, high) == pytest.approx((expected.low, expected.high)) and high < 0
    wide = seed_limits(ours, theirs, paired=False)
    expected = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    assert wide == pytest.approx((expected.low, expected.high)) and wide[0] < 0 < wide[1]
    assert seed_limits([1.0], theirs, paired=False) is None


@pytest.mark.parametrize(
    ("over_photos", "over_seeds", "metric", "conclusion"),
    [
        ((-2.0, -1.0), None, "ab_rmse", "better on these photos; with one seed, another may say otherwise"),
        ((-2.0, -1.0), (-3.0, -0.1), "auc", "worse"),
        ((-2.0, -1.0), (-3.0, 0.1), "auc", "no difference shown: the interval over seeds includes zero"),
        ((-2.0, 1.0), (-3.0, 0.1), "auc", "no difference shown: both intervals include zero"),
        ((1.0, 2.0), (0.5, 3.0), "colorfulness", "higher"),
        (None, None, "fid", "not known: no interval"),
        (None, (1.0, 2.0), "fid", "worse"),
    ],
)
def test_a_conclusion_needs_every_interval_to_leave_zero_out(over_photos, over_seeds, metric, conclusion):
    mean = -1.5 if (over_photos or over_seeds or (0,))[0] < 0 else 1.5
    assert Difference(mean, over_photos, over_seeds, None).conclusion(metric) == conclusion
