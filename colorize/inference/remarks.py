"""What is said of photos that were painted: what they lost when they were read, whether they came out nearly grey."""

import re
from collections.abc import Iterable

HARDLY_A_COLOUR = 2.0
"""Mean chroma, Lab units, below which a painted photo looks grey."""

NEARLY_GREY = (
    f"came out nearly grey (mean chroma below {HARDLY_A_COLOUR:g}): the model is not sure of the colours; one that was"
    " trained on more photos like these may be"
)

LOST = {
    "frames": "several frames or pages, of which the first is left",
    r"\b(9|1\d) bits scaled to 8": "more than 8 bits a channel, of which 8 are left",
    "transparency": "transparency, which their format does not keep here",
    "another curve": "samples of another curve than sRGB's (gAMA or cICP), and were taken for sRGB",
    "profile is broken": "a colour profile that cannot be used, and were taken for sRGB",
}
"""What stands in `Photo.converted`, as a regular expression -> what the photo had."""


def lost(converted: Iterable[str]) -> list[str]:
    """What a photo had that the painted one has not, in words; of its `Photo.converted`."""
    changes = list(converted)
    return [had for pattern, had in LOST.items() if any(re.search(pattern, change) for change in changes)]
