"""`python -m colorize sync`: delivers to MLflow what it has not got yet."""

import sys
from pathlib import Path

from colorize.tracking.sync import sync as deliver

SHOWN = 3
"""Reasons that are told of one run; the others are mostly the same."""


def sync(outputs: list[Path], tracking: str | None) -> None:
    """Delivers the journals of the runs in some output folders, and says what was refused: then the exit status is 1.

    Args:
        tracking: URI of another MLflow than the runs were to be logged to.
    """
    is_whole = True
    for output in outputs:
        done = deliver(output, tracking)
        print(f"{output}: {done.delivered} records delivered to {done.uri}, run {done.run_id}")
        if done.refused:
            is_whole = False
            reasons = list(dict.fromkeys(done.refused))[:SHOWN]
            print("\n".join([f"  {len(done.refused)} refused:", *(f"    {r}" for r in reasons)]), file=sys.stderr)
    if not is_whole:
        sys.exit(1)
