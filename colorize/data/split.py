"""Which part of the split a photo belongs to."""

import hashlib
import math
from collections.abc import Sequence

PARTS = ("train", "val", "test")

PRIORITY = {"test": 0, "val": 1, "train": 2}
"""Of a photo found in several parts: it stays in the one evaluated last, so that none is evaluated by what it knew."""


def nested_share(hashes: Sequence[str], fraction: float) -> set[str]:
    """So large a share of some contents, decided by their hashes alone, and all within any larger share.

    The hashes are hashed again: their own order is that of the split.
    """
    if fraction == 1:
        return set(hashes)
    order = sorted(hashes, key=lambda sha256: hashlib.sha256(sha256.encode()).digest())
    return set(order[: math.ceil(fraction * len(order))])


def by_content(sha256: str, val: float, test: float = 0.0) -> str:
    """The part of a content: decided by its hash alone, so the same on every machine and whatever its name.

    `val` is taken from one end of the hashes and `test` from the other: a photo of the test part stays there whatever
    share is chosen for val, so that two runs can be evaluated on photos that neither has seen.

    Args:
        val, test: shares of all photos; what is left over is `train`.
    """
    place = int(sha256, 16) / 2**256
    if place < val:
        return "val"
    return "test" if test and place >= 1 - test else "train"
