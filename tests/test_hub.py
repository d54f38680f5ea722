"""Finding a run by what is known of it."""

import os

import pytest

from colorize.hub import newest_run
from colorize.runs.layout import CONFIG, RESULT
from colorize.runs.model_file import MODEL

pytestmark = pytest.mark.once


@pytest.fixture
def finished(tmp_path):
    """Makes what a finished run leaves at some place, so many seconds ago."""

    def make(place, seconds, overrides="[]"):
        folder = tmp_path / place
        (folder / ".hydra").mkdir(parents=True)
        (folder / ".hydra" / "overrides.yaml").write_text(overrides)
        for name in (CONFIG, RESULT, MODEL):
            (folder / name).write_text("")
        at = 1_700_000_000 - seconds
        os.utime(folder / RESULT, (at, at))
        return folder

    return make


def test_the_newest_run_is_found_at_whatever_depth(finished, tmp_path):
    finished("outputs/2026-11-28_10-00-00", 40)
    assert newest_run(tmp_path).name == "2026-11-28_10-00-00"
    finished("multirun/2026-11-28/3", 30)
    assert newest_run(tmp_path) == tmp_path / "multirun/2026-11-28/3"
    by_date = finished("outputs/2026-11-29/team/12-00-00", 20)
    assert newest_run(tmp_path) == by_date


def test_smoke_runs_unfinished_ones_and_what_lies_within_a_run_are_none(finished, tmp_path):
    real = finished("outputs/a/b", 40)
    finished("outputs/a/b/copy", 30)
    finished("outputs/smoke", 20, "[debug=smoke]")
    (finished("outputs/unfinished", 10) / RESULT).unlink()
    assert newest_run(tmp_path) == real
