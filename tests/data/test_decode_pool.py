"""Photos are decoded in processes; one that crashes or hangs takes no other with it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from messages import refused

from colorize.data import decode_pool
from colorize.data.cache import prepare
from colorize.data.decode_pool import DecodeJob, Rows, Settings, decode_all, decode_file

pytestmark = pytest.mark.once

SETTINGS = Settings(12, 20, "center_crop", 4)


def test_processes_and_one_process_give_the_same(files, tmp_path, monkeypatch):
    monkeypatch.setattr(decode_pool, "cores", lambda: 2)
    monkeypatch.setattr(decode_pool, "CHUNK", 2)
    alone = prepare(files, SETTINGS, tmp_path / "alone", 0, lambda done: None)
    steps = []
    together = prepare(files, SETTINGS, tmp_path / "together", 10**9, steps.append)
    np.testing.assert_array_equal(alone.pixels, together.pixels)
    assert alone.decoded == together.decoded and sum(steps) == len(files)


def _crash(jobs, settings, rows):
    """Stands for `_decode_chunk` where one photo takes its process down, as a fault in a decoder's C code would."""
    for job in jobs:
        if job.path.endswith("5.png"):
            os._exit(1)
    return _decode_chunk(jobs, settings, rows)


_decode_chunk = decode_pool._decode_chunk  # before it is replaced


def decoded_in_processes(files, tmp_path) -> dict[str, decode_pool.Decoded]:
    """What became of each file, by its hash."""
    jobs = [DecodeJob(path, sha256, row) for row, (path, sha256) in enumerate(files)]
    pixels = np.lib.format.open_memmap(tmp_path / "rows.npy", "w+", "uint8", (len(files), 12, 20, 3))
    rows = Rows(str(tmp_path / "rows.npy"), pixels.offset)
    return {result.sha256: result for result in decode_all(jobs, SETTINGS, rows, 10**9)}


def test_a_photo_that_takes_its_process_down_is_the_only_one_rejected(files, tmp_path, monkeypatch):
    monkeypatch.setattr(decode_pool, "cores", lambda: 2)
    monkeypatch.setattr(decode_pool, "_decode_chunk", _crash)
    monkeypatch.setattr(decode_pool, "CHUNK", 3)
    reasons = {sha256: result.reason for sha256, result in decoded_in_processes(files, tmp_path).items()}
    for path, sha256 in files:
        expected = "its decoder crashed" if path.endswith("5.png") else "not a photo" if path.endswith("jpg") else ""
        assert reasons[sha256].startswith(expected) and bool(reasons[sha256]) == bool(expected)
    assert multiprocessing.active_children() == []


@pytest.fixture
def decoded_with_pipes(files, tmp_path, monkeypatch):
    """Decodes photos, and pipes that nobody writes into, which hang as a drive does that no longer answers."""
    monkeypatch.setattr(decode_pool, "cores", lambda: 2)
    monkeypatch.setattr(decode_pool, "PHOTO_SECONDS", 2.0)
    good = [file for file in files if file[0].endswith("png")]

    def decoded(pipes: int) -> dict:
        names = [str(tmp_path / f"pipe{number}.png") for number in range(pipes)]
        for name in names:
            os.mkfifo(name)
        results = decoded_in_processes([*good[:2], *((name, name) for name in names), *good[2:]], tmp_path)
        assert len(results) == len(good) + pipes and not any(results[sha256].reason for _, sha256 in good)
        return {name: results[name] for name in names}

    return decoded


def test_a_photo_that_hangs_its_process_is_the_only_one_rejected(decoded_with_pipes):
    (hung,) = decoded_with_pipes(1).values()
    assert hung.reason == "its decoder crashed, or was not done in 2 s" and hung.passing


@pytest.mark.slow
def test_a_drive_that_hangs_is_an_error(decoded_with_pipes):
    with refused("data.drive_hangs"):
        decoded_with_pipes(5)


def test_a_file_that_changes_while_it_is_read_is_not_taken_for_what_it_was(files):
    path, _ = files[0]
    decoded, pixels = decode_file(DecodeJob(path, "0" * 64, 0), SETTINGS)
    assert pixels is None and decoded.reason == "cannot be read: it changed meanwhile"


def test_a_file_too_large_to_read_is_rejected_unread(files, monkeypatch):
    monkeypatch.setattr(decode_pool, "LARGEST_FILE", 100)
    decoded, pixels = decode_file(DecodeJob(*files[0], 0), SETTINGS)
    assert pixels is None and decoded.reason.startswith("larger than")


def test_workers_end_with_a_parent_that_was_killed(files, tmp_path):
    program = (
        "import os, sys\n"
        "from colorize.data import decode_pool\n"
        "from colorize.data.decode_pool import *\n"
        "def main():\n"
        "    open(sys.argv[1], 'wb').truncate(10**6)\n"
        "    jobs = [DecodeJob(sys.argv[2], '0' * 64, row) for row in range(5000)]\n"
        "    for _ in decode_all(jobs, Settings(12, 20, 'center_crop', 4), Rows(sys.argv[1], 0), 10**9):\n"
        "        print(*[p.pid for p in multiprocessing.active_children()], flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "if __name__ == '__main__': main()\n"
    )
    script = tmp_path / "prepare.py"
    script.write_text(program)
    if decode_pool.cores() == 1:
        pytest.skip("with one core there are no processes to be left behind")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "rows"), files[0][0]], capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    workers = [int(number) for number in done.stdout.split()]
    deadline = time.monotonic() + 30
    while any(psutil.pid_exists(number) for number in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workers and not any(psutil.pid_exists(number) for number in workers)
