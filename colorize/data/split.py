"""Which part of the split a photo belongs to."""

PARTS = ("train", "val", "test")

PRIORITY = {"test": 0, "val": 1, "train": 2}
"""Of a photo found in several parts: it stays in the one evaluated last, so that none is evaluated by what it knew."""


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
