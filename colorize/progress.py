"""A bar for work that takes more than a moment."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def bar(console: Console | None, *columns) -> Progress:
    """A bar with its counts, the time that remains and more columns; gone when the work is done, never in a log."""
    console = console or Console()
    first = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    return Progress(*first, *columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def progress(description: str, total: int) -> Iterator[Callable[..., None]]:
    """Shows a bar; yields a function that moves it on by so many steps (1)."""
    with bar(None) as shown:
        task = shown.add_task(description, total=total)
        yield lambda steps=1: shown.advance(task, steps)
