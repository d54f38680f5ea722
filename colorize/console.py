"""What is shown while work goes on: bars, and lines that stand as they are."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from colorize.errors import UserError, mistake_of, printable

WIDEST = 10_000
"""Columns of a screen on which every table has room."""


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


def say(console: Console, text: str) -> None:
    """Prints a line as it stands: a path or a label may hold what rich would take for colours."""
    console.print(_printable_lines(text), highlight=False, markup=False, soft_wrap=True)


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def be_silent() -> None:
    """Nothing of this process is shown from here on, but what ends it: another one says the same."""
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def show(console: Console, table: Table) -> None:
    """Prints a table with whole numbers and words, however narrow the screen: then with its rows as lists.

    A pipe or a file is as wide as the table.
    """
    needed = Console(width=WIDEST).measure(table).maximum
    if needed > console.width and not console.is_terminal:
        console = Console(file=console.file, width=needed)
    if needed <= console.width:
        return console.print(table)
    console.print(table.title or "", style="italic", highlight=False)
    rows = list(zip(*[[str(cell) for cell in column.cells] for column in table.columns]))
    if table.show_footer:
        rows.append(tuple(str(column.footer) for column in table.columns))
    for row in rows:
        console.print(f"[bold]{row[0]}[/bold]", soft_wrap=True)
        for column, cell in zip(table.columns[1:], row[1:]):
            if cell:
                console.print(f"  {column.header}: {cell}", highlight=False, soft_wrap=True)


def fail_if_mistake(error: Exception, program: str | None = None) -> None:
    """As `fail` where the error is a mistake of the user's; any other is left to the caller."""
    mistake = mistake_of(error)
    if mistake:
        fail(mistake, program)


def fail(error: UserError, program: str | None = None) -> None:
    """Shows a mistake of the user's and ends the program; `program`: as it is called, None: as it was started."""
    program = program or Path(sys.argv[0]).name
    called = "python -m colorize" if program == "__main__.py" else program
    print(f"{called}: {_printable_lines(str(error))}", file=sys.stderr)
    sys.exit(error.exit_status)
