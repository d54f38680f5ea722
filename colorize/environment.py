"""What lies around the program: set at its start where it may be odd, before anything that depends on it is imported.

Streams that are closed, or whose reader goes away; characters that a screen does not have; a user without a name or a
home, as in containers.
"""

import io
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, TextIO


def prepare() -> None:
    """Makes the environment one that the program, and the libraries below it, can live with."""
    _open_closed_descriptors()
    if os.environ.get("COLUMNS", "1").strip() in ("", "0"):
        del os.environ["COLUMNS"]  # rich would show nothing at all
    os.environ["MPLBACKEND"] = "Agg"  # a notebook hands on its own, which may not be installed here: Keras would fail
    if any(option.startswith("error") for option in sys.warnoptions):
        warnings.simplefilter("default")  # else what a library warns of while it is imported ends the program
        os.environ.pop("PYTHONWARNINGS", None)
    sys.stdout = _unbreakable(sys.stdout)
    sys.stderr = _unbreakable(sys.stderr)
    if not any(os.environ.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")) and not _has_account():
        os.environ["USER"] = f"uid{os.getuid()}"  # `getpass.getuser`, which MLflow calls too, fails without
    if not os.path.isdir(os.path.expanduser("~")):
        os.environ["HOME"] = str(_of_our_own())
    elif not os.access(os.path.expanduser("~"), os.W_OK):
        os.environ.setdefault("MPLCONFIGDIR", str(_of_our_own()))  # matplotlib would complain of it on the screen


def cache_folder() -> Path:
    """Where this user's programs keep what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "colorize"


def _open_closed_descriptors() -> None:
    """Those of the streams: where they are closed, the next file that is opened would be taken for one of them."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one


def _has_account() -> bool:
    try:
        import pwd

        pwd.getpwuid(os.getuid())
    except (ImportError, KeyError):  # no such thing on Windows, where the variables above are set
        return False
    return True


def _of_our_own() -> Path:
    """A folder in the place of a home: the same for all processes of a user, and nobody else's."""
    folder = Path(tempfile.gettempdir()) / f"colorize-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder if folder.stat().st_uid == os.getuid() else Path(tempfile.mkdtemp(prefix="colorize-"))


class _Unbreakable(io.TextIOWrapper):
    """A stream whose reader or terminal may go away, or whose disk may be full: what is written then goes nowhere, and
    the program goes on."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            return self._silence(len(text))

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            self._silence(0)

    def _silence(self, written: int) -> int:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        return written


def _unbreakable(stream: Any) -> TextIO:
    """The stream as it is to be used; what is no plain stream, such as a test's, stays as it is."""
    if stream is None:  # it was closed when the program began
        return open(os.devnull, "w", encoding="utf-8")
    if type(stream) is not io.TextIOWrapper:
        return stream
    errors = "backslashreplace"  # of a character that the screen does not have
    lines = stream.line_buffering
    return _Unbreakable(stream.detach(), encoding=stream.encoding, errors=errors, line_buffering=lines)
