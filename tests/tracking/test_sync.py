"""A journal that is delivered later: a stranger's sends off no file."""

import pytest
from messages import assert_wording

from colorize.tracking.journal import Journal

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


def test_a_strangers_journal_sends_off_no_file_of_this_machine(tmp_path, stored, monkeypatch):
    from colorize.tracking.sync import sync

    secret, output = tmp_path / "secret.txt", tmp_path / "output"
    secret.write_text("mine")
    journal = Journal(output / "tracking")
    journal.add("start", key="k", experiment="tests", name="n", tags={})
    (output / "link").symlink_to(secret)
    for path in ("../secret.txt", str(secret), "link"):
        journal.add("file", path=path, folder=None)
    (output / "folder").mkdir()
    (output / "folder" / "link").symlink_to(secret)
    journal.add("folder", path="folder", name="folder")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stored[0])
    done = sync(output, stored[0])
    assert len(done.refused) == 4
    assert_wording("tracking.refused.file_elsewhere", "\n".join(done.refused))
    assert stored[1]().list_artifacts(done.run_id) == []
