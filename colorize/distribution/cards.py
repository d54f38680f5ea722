"""Which graphics cards of a machine a run takes: none that another run of ours has."""

import os
import tempfile
from glob import glob
from pathlib import Path

from filelock import FileLock, Timeout

VISIBLE = "CUDA_VISIBLE_DEVICES"
CARDS = "/dev/nvidia[0-9]*"
"""How Linux shows NVIDIA's cards, one each."""

_taken: list[FileLock] = []
"""Until the end of the process: a lock goes with who holds it, however that ends."""


def take_cards(number: int) -> None:
    """Lets this process see so many cards that no other run has; all that it may see, where too few are free.

    Args:
        number: how many; of those in `CUDA_VISIBLE_DEVICES`, where that is set.
    """
    visible = os.environ.get(VISIBLE)
    cards = [str(card) for card in range(len(glob(CARDS)))] if visible is None else visible.split(",")
    if len(cards) <= number:
        return
    free: dict[str, FileLock] = {}
    for card in cards:
        lock = FileLock(Path(tempfile.gettempdir()) / f"colorize-card-{card}.lock", mode=0o666)
        try:
            lock.acquire(timeout=0)
            free[card] = lock
        except (Timeout, OSError):  # another run has it; or another user's folder
            continue
        if len(free) == number:
            break
    if len(free) == number:
        os.environ[VISIBLE] = ",".join(free)
        _taken.extend(free.values())
        return
    for lock in free.values():
        lock.release()
    print(
        f"{len(free)} of {len(cards)} cards are free, and trainer.devices={number}: a card is shared with another run"
    )
