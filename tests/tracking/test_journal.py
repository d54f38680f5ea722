"""The journal of a run: half lines and full disks."""

import json
import os
import subprocess
import sys

import pytest
from messages import assert_wording

from colorize.config.base import PROJECT
from colorize.tracking.journal import Journal

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


def test_half_a_line_that_a_killed_process_left_is_no_record_and_harms_none(tmp_path):
    first = Journal(tmp_path)
    first.add("tags", values={"a": "1"})
    with open(first.path, "a") as file:
        file.write('{"kind": "tags", "values": {"b"')
    second = Journal(tmp_path)
    assert second.count == 1
    assert second.add("tags", values={"c": "3"})[0] == 2
    assert [record["values"] for record in Journal(tmp_path).records()] == [{"a": "1"}, {"c": "3"}]


FULL = """
import json, resource, sys
from pathlib import Path
from colorize.tracking.journal import Journal

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

journal = Journal(Path(sys.argv[1]))
journal.add("tags", values={"number": 0})
limit(journal.path.stat().st_size + 30)
numbers = [journal.add("tags", values={"number": number})[0] for number in range(1, 5)]
on_full_disk = len(journal.records())
limit(resource.RLIM_INFINITY)
journal.add("tags", values={"number": 5})
print(json.dumps([numbers, on_full_disk, [record["values"]["number"] for record in Journal(journal.folder).records()]]))
"""


def test_a_full_disk_delays_records_and_loses_none(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", FULL, str(tmp_path / "tracking")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[2, 3, 4, 5], 1, [0, 1, 2, 3, 4, 5]]
    assert_wording("tracking.journal.full_disk", done.stderr)
