"""SQLite databases of MLflow: damaged, of another version, moved, copied, opened by two at once."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from messages import refused

from colorize.runs.layout import load_config, save_config
from colorize.tracking.client import StoredRuns
from colorize.tracking.database import artifact_location, check_database
from colorize.tracking.uri import uri_of

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports

OPENS = """
import sys
from colorize.runs.layout import load_config, save_config
from colorize.tracking.client import StoredRuns
print(StoredRuns(sys.argv[1]).start("tests", "a run", {}))
"""


def uri_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


def with_a_file(folder: Path, text: str) -> str:
    """A run with a file, in the database of a folder: its id."""
    folder.mkdir(exist_ok=True)
    runs = StoredRuns(uri_in(folder))
    run = runs.start("tests", "a run", {})
    (folder.parent / "note.txt").write_text(text)
    runs.client.log_artifact(run, str(folder.parent / "note.txt"))
    return run


def read_back(folder: Path, run: str, into: Path) -> str:
    into.mkdir()
    return StoredRuns(uri_in(folder)).fetch(run, "note.txt", into).read_text()


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sqlite:////data/runs.db", "file:///data/mlartifacts"),
        ("http://127.0.0.1:5000", None),
        ("postgresql://host/runs", None),
    ],
)
def test_artifacts_lie_beside_the_database_wherever_a_job_runs(uri, expected):
    assert artifact_location(uri) == expected


def test_a_moved_database_finds_its_files_and_takes_new_ones(tmp_path, capsys):
    old, new = tmp_path / "old 100%", tmp_path / "new 100%"
    run = with_a_file(old, "first")
    old.rename(new)
    second = with_a_file(new, "second")
    assert "was moved here, or copied" in capsys.readouterr().out and not old.exists()
    assert read_back(new, run, tmp_path / "a") == "first"
    assert read_back(new, second, tmp_path / "b") == "second"
    assert capsys.readouterr().out == "", "it is said once"


def test_a_copied_database_leaves_the_other_alone(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    run = with_a_file(old, "first")
    shutil.copytree(old, new)
    before = sorted(old.rglob("*"))
    second = with_a_file(new, "second")
    assert sorted(old.rglob("*")) == before
    for where, which, text in ((new, second, "second"), (new, run, "first"), (old, run, "first")):
        assert read_back(where, which, tmp_path / f"{where.name} {which}") == text


def test_files_that_stayed_behind_are_still_found(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    run = with_a_file(old, "first")
    new.mkdir()
    (old / "mlflow.db").rename(new / "mlflow.db")
    assert read_back(new, run, tmp_path / "a") == "first"


def test_two_that_start_together_make_one_database(tmp_path):
    command = [sys.executable, "-c", OPENS, uri_in(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    runs = StoredRuns(uri_in(tmp_path)).client.search_runs(["1"])
    assert {run.info.run_id for run in runs} == {out.strip() for out, _ in ended}


def test_what_is_no_database_is_said_at_once(tmp_path):
    (tmp_path / "mlflow.db").write_text("no database" * 100)
    with refused("tracking.uri.damaged"):
        check_database(uri_in(tmp_path))


@pytest.mark.parametrize(
    ("version", "key"), [("451aebb31d03", "tracking.uri.earlier"), ("ffffffffffff", "tracking.uri.later")]
)
def test_a_database_of_another_version_is_named(tmp_path, version, key):
    with_a_file(tmp_path / "a", "x")
    check_database(uri_in(tmp_path / "a"))
    with closing(sqlite3.connect(tmp_path / "a" / "mlflow.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", (version,))
    with refused(key):
        check_database(uri_in(tmp_path / "a"))


def test_a_run_whose_database_was_in_a_folder_that_is_gone_uses_that_of_this_folder(config_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in ("there", "run"):
        (tmp_path / name).mkdir()
    for folder, expected in (("gone", tmp_path), ("there", tmp_path / "there")):
        config = config_of("tracking=mlflow", f"tracking.uri={uri_in(tmp_path / folder)}")
        save_config(config, tmp_path / "run")
        assert uri_of(load_config(tmp_path / "run")) == uri_in(expected)
        assert uri_of(config) == uri_in(tmp_path / folder), "a new run says that it cannot be made there"
