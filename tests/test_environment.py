"""Odd surroundings: each in a process with exactly that environment."""

import getpass
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from colorize import environment
from colorize.config.base import PROJECT

pytestmark = pytest.mark.once


def run(program: str, environment: dict[str, str] | None = None, **how) -> subprocess.CompletedProcess:
    code = f"from colorize import environment; environment.prepare()\n{program}"
    inherited = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    return subprocess.run([sys.executable, "-c", code], env=inherited | (environment or {}), text=True, **how)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_characters_that_a_screen_does_not_have_are_escaped(encoding):
    done = run(
        "print('\\u5199\\u771f \\xe4')", {"PYTHONIOENCODING": encoding}, stdout=subprocess.PIPE, encoding=encoding
    )
    assert done.returncode == 0 and done.stdout.startswith("\\u5199\\u771f ")


def test_a_reader_that_goes_away_does_not_end_the_program():
    read, write = os.pipe()
    os.close(read)
    program = "for _ in range(3): print('x' * 100_000, flush=True)\nimport sys; print('went on', file=sys.stderr)"
    done = run(program, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert done.returncode == 0 and done.stderr == "went on\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux alone has a device that is always full")
def test_a_log_on_a_full_disk_does_not_end_the_program():
    program = "for _ in range(3): print('x' * 100_000, flush=True)\nimport sys; print('went on', file=sys.stderr)"
    with open("/dev/full", "w") as full:
        done = run(program, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 0 and done.stderr == "went on\n"


def test_warnings_are_no_errors_where_the_environment_asks_for_that():
    """Libraries warn while they are imported."""
    program = "import warnings, subprocess, sys; warnings.warn('old'); warnings.warn('older', DeprecationWarning)\n"
    program += "print('went on', flush=True); subprocess.run([sys.executable, '-c', 'print(sys.warnoptions)'])"
    done = run(program.replace("'print(", "'import sys; print("), {"PYTHONWARNINGS": "error"}, capture_output=True)
    assert done.returncode == 0 and done.stdout == "went on\n[]\n"
    assert "UserWarning: old" in done.stderr and "DeprecationWarning: older" in done.stderr


def test_the_matplotlib_of_a_notebook_is_not_asked_for():
    program = "import matplotlib.pyplot; print(matplotlib.get_backend().lower())"
    inline = {"MPLBACKEND": "module://matplotlib_inline.of_nowhere"}
    assert run(program, inline, stdout=subprocess.PIPE).stdout == "agg\n"


@pytest.mark.parametrize("closed", [1, 2])
def test_a_stream_that_is_closed_from_the_start_is_no_obstacle(closed):
    program = "import sys; print('out'); print('err', file=sys.stderr)"
    shell = f'exec "$0" -c "$1" {closed}>&-'
    code = f"from colorize import environment; environment.prepare()\n{program}"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(["bash", "-c", shell, sys.executable, code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "" if closed == 1 else "out\n",
        "" if closed == 2 else "err\n",
    )


def test_a_user_without_an_account_and_a_home_has_a_name_and_a_place(monkeypatch):
    def unknown(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(os, "environ", {"PATH": os.environ["PATH"]})
    environment.prepare()
    assert getpass.getuser() == f"uid{os.getuid()}"
    assert Path.home().is_dir() and os.access(Path.home(), os.W_OK)


def test_a_name_that_is_there_stays():
    done = run("import getpass; print(getpass.getuser())", {"USER": "ada", "HOME": "/"}, stdout=subprocess.PIPE)
    assert done.stdout == "ada\n"


def test_all_streams_may_be_closed(tmp_path):
    """As of a daemon: what is opened next must not be taken for a stream."""
    program = "import os; os.dup(2); f = open('f', 'w'); print('nowhere'); f.write(str(f.fileno())); f.close()"
    code = f"from colorize import environment; environment.prepare()\n{program}"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    shell = 'exec "$0" -c "$1" <&- >&- 2>&-'
    done = subprocess.run(["bash", "-c", shell, sys.executable, code], env=environment, cwd=tmp_path)
    assert done.returncode == 0 and int((tmp_path / "f").read_text()) > 2


@pytest.mark.parametrize("columns", ["0", ""])
def test_a_screen_without_columns_is_one_of_unknown_width(columns):
    program = "from rich.console import Console; Console().print('seen')"
    done = run(program, {"COLUMNS": columns}, stdout=subprocess.PIPE)
    assert done.stdout == "seen\n"
