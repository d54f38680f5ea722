"""Files that are whole or not there: the old file is never written into, and nothing is left of a failure."""

import os

import pytest

from colorize.runs.atomic import partial_of, replacing, with_ending, write_whole

pytestmark = pytest.mark.once


def write_by_replacing(path, data: bytes) -> None:
    with replacing(path) as partial:
        partial.write_bytes(data)


@pytest.mark.parametrize("write", [write_whole, write_by_replacing])
def test_a_file_is_replaced_and_not_written_into(write, tmp_path):
    path, reader = tmp_path / "file", tmp_path / "reader"
    path.write_bytes(b"old")
    os.link(path, reader)  # what somebody has who opened it before
    write(path, b"new")
    assert path.read_bytes() == b"new" and reader.read_bytes() == b"old"
    assert {file.name for file in tmp_path.iterdir()} == {"file", "reader"}


def test_of_what_fails_nothing_is_left_and_the_old_file_stays(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(ValueError), replacing(path) as partial:
        partial.write_bytes(b"half")
        raise ValueError

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        write_whole(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["file"] and path.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["n" * 242 + ".png", "\u5199" * 80 + ".gif"])
def test_long_names_stay_within_what_a_file_system_takes(name, tmp_path):
    partial = partial_of(tmp_path / name)
    assert partial.suffix == name[-4:] and len(os.fsencode(partial.name)) <= 255
    long = with_ending(name, ".compare.png")
    assert long.endswith(".compare.png") and len(os.fsencode(long)) <= 255
    (tmp_path / long).touch()
    assert with_ending(f"{name}x", ".compare.png") != long, "told apart"
    assert with_ending("a.png", ".compare.png") == "a.png.compare.png"
