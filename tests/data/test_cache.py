"""Prepared photos on disk: whole or absent, found again, made once, and by as many processes as there are."""

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from filelock import FileLock
from messages import refused
from PIL import Image

from colorize.data import cache, decode_pool
from colorize.data.cache import folder_of_cache, key_of, prepare
from colorize.data.decode import centred_box
from colorize.data.decode_pool import DecodeJob, Rows, Settings, decode_all, decode_file

pytestmark = pytest.mark.once

SETTINGS = Settings(12, 20, "center_crop", 4)


@pytest.fixture
def files(tmp_path):
    """Path and SHA-256 of eight photos and one text."""
    import hashlib

    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(8):
        pixels = np.random.default_rng(i).integers(0, 256, (24, 40, 3)).astype("uint8")
        Image.fromarray(pixels).save(folder / f"{i}.png")
    (folder / "text.jpg").write_text("no photo")
    return [(str(path), hashlib.sha256(path.read_bytes()).hexdigest()) for path in sorted(folder.iterdir())]


def prepared(files, place, settings=SETTINGS, advance=lambda done: None):
    return prepare(files, settings, place, 0, advance)


def test_rows_are_those_of_the_photos_and_read_only(files, tmp_path):
    entry = prepared(files, tmp_path / "cache")
    assert isinstance(entry.pixels, np.memmap) and not entry.pixels.flags.writeable
    for path, sha256 in files:
        row, decoded = entry.decoded[sha256]
        if path.endswith(".jpg"):
            assert decoded.reason.startswith("not a photo")
        else:
            expected = Image.open(path).resize((20, 12), Image.Resampling.BILINEAR)
            np.testing.assert_array_equal(entry.pixels[row], np.asarray(expected))


def test_the_second_run_decodes_nothing(files, tmp_path, monkeypatch):
    first = prepared(files, tmp_path / "cache")
    monkeypatch.setattr(cache, "decode_all", lambda *arguments: 1 / 0)
    again = prepared(list(reversed(files)), tmp_path / "cache")
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert first.decoded == again.decoded


def test_the_key_is_that_of_contents_and_settings():
    hashes = ["a" * 64, "b" * 64]
    assert key_of(hashes, SETTINGS) == key_of(hashes[::-1], SETTINGS)
    others = [key_of(hashes[:1], SETTINGS)] + [
        key_of(hashes, SETTINGS._replace(**change))
        for change in ({"height": 13}, {"width": 13}, {"resize_mode": "stretch"}, {"min_side_pixels": 5})
    ]
    assert len({key_of(hashes, SETTINGS), *others}) == 6


@pytest.mark.parametrize("damage", ["pixels cut", "pixels gone", "lines cut", "lines nonsense", "empty folder"])
def test_a_damaged_entry_is_made_again(damage, files, tmp_path):
    first = prepared(files, tmp_path / "cache")
    (entry,) = (path for path in (tmp_path / "cache" / "photos").iterdir() if path.is_dir())
    pixels, lines = entry / "pixels.npy", entry / "photos.jsonl"
    if damage == "pixels cut":
        pixels.write_bytes(pixels.read_bytes()[:-50])
    elif damage == "pixels gone":
        pixels.unlink()
    elif damage == "lines cut":
        lines.write_text("".join(lines.read_text().splitlines(keepends=True)[:3]))
    elif damage == "lines nonsense":
        lines.write_text("[1, 2\n")
    else:
        pixels.unlink(), lines.unlink()
    np.testing.assert_array_equal(prepared(files, tmp_path / "cache").pixels, first.pixels)


def test_a_run_that_fails_leaves_nothing_behind(files, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_sync", lambda file: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepared(files, tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache" / "photos").iterdir()] in ([".lock"], [])


def test_what_a_killed_run_left_is_cleared_away(files, tmp_path):
    left = tmp_path / "cache" / "photos" / f"{key_of([sha for _, sha in files], SETTINGS)}.partial99999"
    left.mkdir(parents=True)
    (left / "pixels.npy").write_bytes(b"half")
    prepared(files, tmp_path / "cache")
    assert not left.exists()


def test_the_second_of_two_runs_waits_and_decodes_nothing(files, tmp_path, capsys, monkeypatch):
    calls = []
    original = cache.decode_all
    monkeypatch.setattr(cache, "decode_all", lambda *arguments: calls.append(1) or original(*arguments))
    lock_file = tmp_path / "cache" / "photos" / f"{key_of([sha for _, sha in files], SETTINGS)}.lock"
    lock_file.parent.mkdir(parents=True)
    results = []
    with FileLock(lock_file):
        threads = [threading.Thread(target=lambda: results.append(prepared(files, tmp_path / "cache"))) for _ in "ab"]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        assert not results and not calls, "nothing is made while another run has the lock"
    for thread in threads:
        thread.join(timeout=30)
    assert len(results) == 2 and len(calls) == 1
    np.testing.assert_array_equal(results[0].pixels, results[1].pixels)
    assert "another run is preparing these photos" in capsys.readouterr().out


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


def test_what_may_be_gone_next_time_is_not_remembered(files, tmp_path):
    path, _ = files[0]
    content = Path(path).read_bytes()
    Path(path).unlink()
    first = prepared(files, tmp_path / "cache")
    assert first.decoded[files[0][1]][1].reason.startswith("cannot be read: No such file")
    assert not [place for place in (tmp_path / "cache" / "photos").iterdir() if place.is_dir()]
    Path(path).write_bytes(content)
    again = prepared(files, tmp_path / "cache")
    assert again.decoded[files[0][1]][1].reason == ""
    row = first.decoded[files[1][1]][0]
    np.testing.assert_array_equal(first.pixels[row], again.pixels[row])  # the map of the first is still good


def test_a_file_too_large_to_read_is_rejected_unread(files, monkeypatch):
    monkeypatch.setattr(decode_pool, "LARGEST_FILE", 100)
    decoded, pixels = decode_file(DecodeJob(*files[0], 0), SETTINGS)
    assert pixels is None and decoded.reason.startswith("larger than")


@pytest.mark.parametrize("size", [(1835, 1835), (997, 331), (17, 901), (333, 334)])
def test_any_shape_fits_into_any_other(size):
    for height, width in ((112, 112), (144, 176), (224, 224), (13, 57)):
        left, top, right, bottom = centred_box(size, height, width)
        assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
        assert (right - left) / (bottom - top) == pytest.approx(width / height)


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


def test_a_place_that_cannot_be_written_is_told_and_a_temporary_one_takes_its_place(
    files, tmp_path, monkeypatch, capsys
):
    (tmp_path / "file").write_text("in the way")
    found = prepared(files, tmp_path / "file")
    np.testing.assert_array_equal(found.pixels, prepared(files, tmp_path / "cache").pixels)
    told = capsys.readouterr().err
    assert f"prepared photos cannot be kept in {tmp_path / 'file'}: " in told and "takes its place for this run" in told
    monkeypatch.setattr(cache.tempfile, "mkdtemp", lambda prefix: str(tmp_path / "file"))
    with refused("data.cache.no_folder"):
        prepared(files, tmp_path / "file")


def test_a_disk_that_is_too_small_is_told_before_anything_is_decoded(files, tmp_path, monkeypatch):
    usage = cache.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: usage._replace(free=100))
    monkeypatch.setattr(cache, "decode_all", lambda *arguments: 1 / 0)
    with refused("data.cache.disk_full"):
        prepared(files, tmp_path / "cache")


def test_the_place_is_that_of_the_configuration_or_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert folder_of_cache(None) == tmp_path / "colorize"
    assert folder_of_cache(str(tmp_path / "own")) == tmp_path / "own"


def test_a_large_photo_waits_for_the_lock(files, monkeypatch):
    from colorize.data import decode

    monkeypatch.setattr(decode, "LARGE_PIXELS", 100)
    entered = []

    class Lock:
        def __enter__(self):
            entered.append(True)

        def __exit__(self, *error):
            return None

    content = io.BytesIO()
    Image.new("RGB", (30, 20)).save(content, "PNG")
    decode.decode(content.getvalue(), lock=Lock())
    monkeypatch.setattr(decode, "LARGE_PIXELS", 10_000)
    decode.decode(content.getvalue(), lock=Lock())
    assert entered == [True]
