"""`python -m colorize sync`: delivers to MLflow what it has not got yet."""

import sys
from pathlib import Path

from colorize.tracking.sync import sync as deliver


def sync(outputs: list[Path], tracking: str | None) -> None:
    """Delivers the journals of the runs in some output folders, and says what was refused.

    Args:
        tracking: URI of another MLflow than the runs were to be logged to.
    """
    for output in outputs:
        done = deliver(output, tracking)
        print(f"{output}: {done.delivered} records delivered to {done.uri}, run {done.run_id}")
        for reason in done.refused:
            print(f"  refused: {reason}", file=sys.stderr)
