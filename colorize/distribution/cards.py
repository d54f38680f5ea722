"""Which graphics cards of a machine a run takes: none that another run of ours has, where there are enough."""

import os
import tempfile
from glob import glob
from pathlib import Path

from filelock import FileLock, Timeout

VISIBLE = "CUDA_VISIBLE_DEVICES"
CARDS = "/dev/nvidia[0-9]*"
"""How Linux shows NVIDIA's cards, one each."""

_taken: list[FileLock] = []
"""Until this process takes others, or ends: a lock goes with who holds it, however that ends."""


def visible_cards() -> list[str]:
    """The cards that this process may see, as CUDA numbers or names them."""
    visible = os.environ.get(VISIBLE)
    return [str(card) for card in range(len(glob(CARDS)))] if visible is None else visible.split(",")


def take_cards(devices: int | str) -> None:
    """Lets this process see so many cards that no other run has; all that it may see, where too few are free.

    Args:
        devices: how many; all: those in `CUDA_VISIBLE_DEVICES`, or of the machine, where that is not set.
    """
    while _taken:  # of an earlier job of the same process
        _taken.pop().release()
    cards = visible_cards()
    number = devices if isinstance(devices, int) else len(cards)
    if number > len(cards):  # the backend says so
        return
    free: list[str] = []
    for card in cards:
        lock = FileLock(Path(tempfile.gettempdir()) / f"colorize-card-{card}.lock", mode=0o666)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):  # another run has it; or its file is another user's
            continue
        _taken.append(lock)
        free.append(card)
        if len(free) == number:
            break
    if len(free) < number:
        print(f"{len(free)} of {len(cards)} cards are free, for trainer.devices={devices}: other runs share theirs")
    elif number < len(cards):
        os.environ[VISIBLE] = ",".join(free)
