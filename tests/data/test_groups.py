"""Groups are as large as they may be, and no larger."""

import pytest

from colorize.data.groups import in_groups

pytestmark = pytest.mark.once


def test_groups_keep_the_order_and_both_limits_and_what_is_too_large_is_alone():
    sizes = [1, 1, 1, 1, 3, 2, 9, 4, 1]
    assert list(in_groups(sizes, int, 3, 5)) == [[1, 1, 1], [1, 3], [2], [9], [4, 1]]
    assert list(in_groups([], int, 3, 5)) == []
