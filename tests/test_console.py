"""Tables on screens of any width and in pipes, lines, and mistakes."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from colorize.console import fail, say, show
from colorize.errors import UserError, listed

pytestmark = pytest.mark.once


def table():
    made = Table("", "a long heading", "another heading", title="a title")
    made.add_row("ours", "12.345", "0.9876")
    made.add_row("truth", "", "1.0000")
    return made


def shown(width, is_terminal):
    file = io.StringIO()
    show(Console(file=file, width=width, force_terminal=is_terminal, color_system=None), table())
    return file.getvalue()


def test_a_wide_screen_has_a_table():
    lines = shown(80, True).splitlines()
    assert "12.345" in shown(80, True) and any("a long heading" in line and "another heading" in line for line in lines)


def test_a_narrow_screen_has_lists_of_whole_numbers():
    lines = [line.rstrip() for line in shown(20, True).splitlines()]
    ours, truth = (
        ["ours", "  a long heading: 12.345", "  another heading: 0.9876"],
        ["truth", "  another heading: 1.0000"],
    )
    assert lines == ["a title", *ours, *truth]


def test_a_pipe_is_as_wide_as_the_table():
    assert shown(20, False) == shown(80, False) and "12.345" in shown(20, False)


def test_what_stands_below_a_table_is_in_its_list_too():
    with_footer = Table("name", show_footer=True)
    with_footer.columns[0].footer = "all"
    with_footer.add_column("parameters of the whole layer", "1,234")
    with_footer.add_row("conv", "1,234")
    file = io.StringIO()
    show(Console(file=file, width=12, force_terminal=True, color_system=None), with_footer)
    expected = ["conv", "  parameters of the whole layer: 1,234", "all", "  parameters of the whole layer: 1,234"]
    assert [line.rstrip() for line in file.getvalue().splitlines() if line.strip()] == expected


def test_a_name_of_a_file_neither_breaks_a_line_nor_steers_the_terminal(capsys):
    say(Console(file=(file := io.StringIO())), "left out: a\x1b[2Jb\tc.png\nnext")
    assert file.getvalue() == "left out: a\\x1b[2Jb\\tc.png\nnext\n"
    with pytest.raises(SystemExit):
        fail(UserError(f"no photos: {listed(['a' + chr(10) + 'b.png', 'c.png'])}\x07"), "colorize")
    assert capsys.readouterr().err == "colorize: no photos: a\\nb.png, c.png\\x07\n"
