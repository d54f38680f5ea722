"""What is said of photos that were painted: what they lost when they were read, whether they came out nearly grey."""

from collections.abc import Iterable

HARDLY_A_COLOUR = 2.0
"""Mean chroma, Lab units, below which a painted photo looks grey."""

NEARLY_GREY = (
    f"came out nearly grey (mean chroma below {HARDLY_A_COLOUR:g}): the model is not sure of the colours; one that was"
    " trained on more photos like these may be"
)

LOST = {
    "frames": "several frames or pages, of which the first is left",
    "bits scaled to 8": "16 bits a channel, of which 8 are left",
    "profile is broken": "a colour profile that cannot be used, and were taken for sRGB",
}
"""Words of `Photo.converted` -> what the photo had."""


def lost(converted: Iterable[str]) -> list[str]:
    """What a photo had that the painted one has not, in words; of its `Photo.converted`."""
    changes = list(converted)
    return [had for words, had in LOST.items() if any(words in change for change in changes)]
