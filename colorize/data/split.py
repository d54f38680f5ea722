"""Which part of the split a photo belongs to."""

PARTS = ("train", "val", "test")

PRIORITY = {"test": 0, "val": 1, "train": 2}
"""Of a photo found in several parts: it stays in the one evaluated last, so that none is evaluated by what it knew."""


def by_content(sha256: str, shares: dict[str, float]) -> str:
    """The part of a content: decided by its hash alone, so the same on every machine and whatever its name.

    Args:
        shares: part -> share of all photos; what is left over is `train`.
    """
    place, end = int(sha256, 16) / 2**256, 0.0
    for part, share in shares.items():
        end += share
        if place < end:
            return part
    return "train"
