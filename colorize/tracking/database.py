"""MLflow's SQLite database: whether it can be used, who makes it, and what follows it when its folder moves."""

import hashlib
import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from importlib.util import find_spec
from pathlib import Path
from shlex import quote

from filelock import FileLock

from colorize.config.training import file_of
from colorize.errors import UserError

ARTIFACTS = "mlartifacts"
"""Folder beside the database, for the files of its runs."""

PLACES = (
    ("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"), ("model_versions", "source"),
)  # fmt: skip
"""Tables and columns in which MLflow notes, as absolute addresses, where files lie (mlflow/store/*/dbmodels)."""


def artifact_location(uri: str) -> str | None:
    """Where the artifacts of a new experiment go: beside an SQLite database.

    Others know by themselves (None); MLflow would put those of SQLite below the folder that a job happens to run in.
    """
    file = file_of(uri)
    return (file.parent / ARTIFACTS).as_uri() if file else None


@contextmanager
def opening(uri: str) -> Iterator[None]:
    """Within it, MLflow opens a database: one process at a time, since the first makes the tables."""
    file = file_of(uri)
    with FileLock(_lock_of(file)) if file else nullcontext():
        if file and file.is_file():
            _bring_along(file)
        yield


def _lock_of(file: Path) -> Path:
    """Among temporary files, since a lock's file stays: of this user, as another could not open it."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    name = hashlib.sha256(str(file).encode(errors="surrogateescape")).hexdigest()[:24]
    return Path(tempfile.gettempdir()) / f"colorize-{user}-{name}.lock"


def check_database(uri: str) -> None:
    """Looks at a database of SQLite before MLflow does, which would try for a while.

    Raises:
        UserError: it is no database, or one of another version of MLflow.
    """
    file = file_of(uri)
    if file is None or not file.is_file():
        return
    try:
        with closing(sqlite3.connect(file)) as database:
            (version,) = database.execute("SELECT version_num FROM alembic_version").fetchone() or [None]
    except sqlite3.OperationalError:  # in use, or without that table: MLflow knows what to do
        return
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"tracking.uri={uri}: {file} is no SQLite database, or it is damaged ({error}). Move it away, or name"
            " another: tracking.uri=sqlite:///PATH"
        ) from None
    known, newest = _versions()
    if version in known and version != newest:
        raise UserError(
            f"tracking.uri={uri}: this database was made by an earlier version of MLflow. Copy {file}, then bring it up"
            f" to date: mlflow db upgrade {quote(uri)}"
        )
    if version is not None and version not in known:
        raise UserError(
            f"tracking.uri={uri}: this database was made by a later version of MLflow than the one that is installed"
            " here. Install that version, or name another database: tracking.uri=sqlite:///PATH"
        )


def _versions() -> tuple[set[str], str]:
    """The versions of tables that the installed MLflow knows, and the newest; read from its scripts, not imported."""
    spec = find_spec("mlflow")
    assert spec and spec.origin  # it is a dependency
    scripts = (Path(spec.origin).parent / "store" / "db_migrations" / "versions").glob("*.py")
    known: set[str] = set()
    followed: set[str] = set()
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        for name, value in re.findall(r"^(revision|down_revision)\b[^=\n]*=(.*)", text, re.MULTILINE):
            (known if name == "revision" else followed).update(re.findall(r"[\"'](\w+)[\"']", value))
    (newest,) = known - followed
    return known, newest


def _bring_along(file: Path) -> None:
    """Corrects the addresses of files in a database that was moved or copied together with the folder beside it.

    They are corrected where nothing is left at the old place, or where the same folder lies beside this database.
    """
    here = file.parent / ARTIFACTS
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(file)) as database, database:
        rows = database.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
        for (address,) in rows:
            there = _path_of(address)
            if there is None or there.name != ARTIFACTS or there == here or there.exists() and not here.exists():
                continue
            for table, column in PLACES:
                database.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column} || '/', 1, ?) = ?",
                    (here.as_uri(), len(address) + 1, len(address) + 1, f"{address}/"),
                )
            print(f"{file} was moved here, or copied: its runs' files are looked for in {here}, no longer in {there}")


def _path_of(address: str | None) -> Path | None:
    from urllib.parse import unquote, urlparse

    if not address or not address.startswith("file:"):
        return None
    return Path(unquote(urlparse(address).path))
