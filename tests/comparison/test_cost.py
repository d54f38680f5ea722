"""What the groups cost."""

import pytest

from colorize.comparison.cost import cost_rows
from colorize.comparison.groups import group_runs

pytestmark = pytest.mark.once


def test_cost_is_the_mean_over_runs_and_empty_where_a_run_does_not_say(run_of):
    runs = [run_of("a1", seed=1), run_of("a2", seed=2), run_of("b1", "fusion=none", seed=1)]
    runs[2].result.update(fusion_parameters=1234, peak_memory_bytes=3 * 2**20, frozen_parameters=4_253_864)
    groups, _ = group_runs(runs)
    first, second = cost_rows(groups)
    assert first[1:] == ["5,000", "", "150", ""]
    assert second[1:] == ["5,000 + 4,253,864 frozen", "1,234", "100", "3 MiB"]
