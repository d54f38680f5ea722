"""Prepared photos on disk: whole or absent, found again, made once."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from messages import refused
from PIL import Image

from colorize.data import cache
from colorize.data.cache import folder_of_cache, key_of, prepare
from colorize.data.decode_pool import Settings

pytestmark = pytest.mark.once

SETTINGS = Settings(12, 20, "center_crop", 4)


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
