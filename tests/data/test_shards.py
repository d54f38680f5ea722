"""Shards of decoded photos: each whole or absent, the same whoever makes them, read as one array."""

import numpy as np
import pytest

from colorize.data import cache, shards
from colorize.data.decode_pool import Settings
from colorize.data.shards import Shards, open_shards, parts_of, prepare_shards, sum_of

pytestmark = pytest.mark.once

SETTINGS = Settings(12, 20, "center_crop", 4)
THREE = 3 * 12 * 20 * 3
"""Bytes of three photos."""


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", THREE)


def prepared(files, folder, advance=lambda done: None):
    return prepare_shards(files, SETTINGS, folder, 0, advance)


def sums(folder):
    return {path.name: sum_of(path) for path in sorted(folder.iterdir())}


def test_several_files_are_read_as_one_array(tmp_path, noise):
    whole = noise(8, 5, 7)
    for number, start in enumerate(range(0, 8, 3)):
        np.save(tmp_path / f"{number:05}.npy", whole[start : start + 3])
    array = open_shards(tmp_path, 3)
    assert array.shape == (8, 5, 7, 3) and len(array) == 8 and array.dtype == np.uint8
    for rows in (np.array([7, 0, 3, 3, 2]), slice(2, 7), slice(None), [1], np.array([], int)):
        np.testing.assert_array_equal(array[rows], whole[rows])
    for row in (0, np.int64(2), 3, 7):
        np.testing.assert_array_equal(array[row], whole[row])


def test_pixels_and_what_became_of_files_are_those_of_the_cache(files, tmp_path):
    expected = cache.prepare(files, SETTINGS, tmp_path / "cache", 0, lambda done: None)
    found = prepared(files, tmp_path / "shards")
    assert isinstance(found.pixels, Shards) and [len(part.jobs) for part in parts_of(files, SETTINGS)] == [3, 3, 3]
    np.testing.assert_array_equal(found.pixels[:], expected.pixels)
    assert found.decoded == expected.decoded
    assert sum(bool(decoded.reason) for _, decoded in found.decoded.values()) == 1, "a text among the photos"


def test_they_are_the_same_in_any_order_and_with_any_number_of_workers(files, tmp_path, monkeypatch):
    prepared(files, tmp_path / "one")
    monkeypatch.setattr("colorize.data.decode_pool.IN_PROCESS_BYTES", -1)
    monkeypatch.setattr("colorize.data.decode_pool.CHUNK", 1)
    monkeypatch.setattr("colorize.data.decode_pool.cores", lambda: 3)
    prepared(files[::-1], tmp_path / "three")
    assert sums(tmp_path / "one") == sums(tmp_path / "three") and len(sums(tmp_path / "one")) == 6


def test_what_was_killed_in_the_middle_goes_on(files, tmp_path, monkeypatch):
    prepared(files, tmp_path / "whole")
    decode_all, calls = shards.decode_all, []

    def dying(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return decode_all(*arguments)

    monkeypatch.setattr(shards, "decode_all", dying)
    with pytest.raises(KeyboardInterrupt):
        prepared(files, tmp_path / "killed")
    first = (tmp_path / "killed" / "00000.npy").stat()
    done = []
    prepared(files, tmp_path / "killed", done.append)
    assert (tmp_path / "killed" / "00000.npy").stat().st_ino == first.st_ino, "it was whole, and stays"
    assert done[0] == 3 and sum(done) == len(files) and len(calls) == 4
    assert sums(tmp_path / "killed") == sums(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["a bit", "cut", "gone", "lines cut", "lines gone"])
def test_a_damaged_shard_is_made_again(damage, files, tmp_path):
    prepared(files, tmp_path / "set")
    before = sums(tmp_path / "set")
    pixels, lines = tmp_path / "set" / "00001.npy", tmp_path / "set" / "00001.jsonl"
    content = pixels.read_bytes()
    if damage == "a bit":
        pixels.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "cut":
        pixels.write_bytes(content[:-50])
    elif damage == "lines cut":
        lines.write_text("".join(lines.read_text().splitlines(keepends=True)[:-1]))
    else:
        (pixels if damage == "gone" else lines).unlink()
    prepared(files, tmp_path / "set")
    assert sums(tmp_path / "set") == before


def test_other_photos_and_settings_are_other_shards(files, tmp_path):
    first = prepared(files, tmp_path / "set")
    again = prepare_shards(files[1:], SETTINGS._replace(resize_mode="stretch"), tmp_path, 0, lambda done: None)
    expected = cache.prepare(files[1:], SETTINGS._replace(resize_mode="stretch"), tmp_path / "c", 0, lambda done: None)
    np.testing.assert_array_equal(again.pixels[:], expected.pixels)
    assert first.pixels.shape[0] == 9 and again.pixels.shape[0] == 8
