"""What photos lose is said in words, and nothing else is."""

import pytest

from colorize.inference.remarks import LOST, lost

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("converted", "words"),
    [
        (["10 bits scaled to 8"], ["more than 8 bits"]),
        (["16 bits scaled to 8", "first of 3 frames"], ["several frames", "more than 8 bits"]),
        (["4 bits scaled to 8", "turned by EXIF", "from mode P", "alpha on white"], []),
        (["its ICC profile is broken and was ignored"], ["a colour profile that cannot be used"]),
        (["transparency lost"], ["transparency"]),
        (["samples of another curve were taken for sRGB's"], ["samples of another curve"]),
    ],
)
def test_what_is_lost_is_said(converted, words):
    assert [any(had.startswith(start) for start in words) for had in lost(converted)] == [True] * len(words)
    assert set(lost(converted)) <= set(LOST.values())
