"""Runs that differ only in the seed are one group, and each group has a label."""

import pytest

from colorize.comparison.groups import group_runs

pytestmark = pytest.mark.once


def test_runs_that_differ_only_in_seed_or_in_where_they_log_are_one_group(run_of):
    runs = [
        run_of("a1", "fusion=row_gru", seed=1),
        run_of("b1", "fusion=none", seed=1),
        run_of("a2", "fusion=row_gru", "trainer.num_workers=1", "evaluation.num_visualized_photos=1", seed=2),
        run_of("c1", "fusion=row_gru", "optimizer.learning_rate=0.01", seed=1),
    ]
    groups, left_out = group_runs(runs)
    assert [group.seeds for group in groups] == [(1, 2), (1,), (1,)] and not left_out
    assert groups[0].label.startswith("fusion=row_gru") and groups[1].label.startswith("fusion=none")
    assert "optimizer.learning_rate=0.01" in groups[2].label
    assert groups[0].differing["fusion.units"] == "64" and groups[1].differing["fusion.units"] == "-"
    assert not any(key.startswith(("trainer", "evaluation", "seed")) for key in groups[0].differing)


def test_no_two_groups_share_a_label(run_of):
    runs = [
        run_of("n", "fusion=none"),
        run_of("u16", "fusion=row_gru", "fusion.units=16"),
        run_of("u64", "fusion=row_gru"),
        run_of("a", "fusion=none", "optimizer.learning_rate=0.00123412"),
        run_of("b", "fusion=none", "optimizer.learning_rate=0.00123449"),
    ]
    labels = [group.label for group in group_runs(runs)[0]]
    assert len(set(labels)) == 5
    assert "fusion.units=16" in labels[1] and "fusion.units=64" in labels[2] and "units" not in labels[0]
    assert "0.00123412" in labels[3] and "0.00123449" in labels[4]


def test_runs_trained_on_other_photos_are_another_group(run_of):
    groups, left_out = group_runs([run_of("one", data="t"), run_of("other", data="u")])
    assert len(groups) == 2 and not left_out and groups[0].label == "data.digest=t"


def test_the_same_seed_twice_is_not_two_runs(run_of):
    groups, left_out = group_runs([run_of("first", seed=1), run_of("again", seed=1)])
    assert [len(group.runs) for group in groups] == [1] and groups[0].runs[0].name.endswith("again")
    assert "first is left out" in left_out[0]
