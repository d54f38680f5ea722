"""What is remembered of the files of a folder, and how much is read at a time."""

import os
from pathlib import Path

import pytest

from colorize.data import decode_pool, hashes, remote, scan
from colorize.data.decode_pool import DecodeJob, Rows, Settings
from colorize.errors import UserError

pytestmark = pytest.mark.once


def test_hashes_are_remembered_until_a_file_changes(tmp_path, photo, monkeypatch):
    root, memory = tmp_path / "photos", tmp_path / "memory"
    photo(root / "a.png"), photo(root / "b.png")
    read_files = []
    original = hashes._hash_here
    monkeypatch.setattr(hashes, "_hash_here", lambda path: read_files.append(Path(path).name) or original(path))

    def found():
        read_files.clear()
        tree = scan.look_through(root)
        hashes.hash_files(tree, memory, lambda: None)
        return {file.name: file.sha256 for file in tree.files}

    first = found()
    assert read_files == ["a.png", "b.png"]
    assert found() == first and read_files == []
    stamp = (root / "a.png").stat()
    (root / "a.png").write_bytes((root / "b.png").read_bytes()[: stamp.st_size].ljust(stamp.st_size, b"\0"))
    os.utime(root / "a.png", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as a careless program would
    assert found()["a.png"] != first["a.png"] and read_files == ["a.png"]
    memory.write_text("[damaged")
    assert found()["b.png"] == first["b.png"] and len(read_files) == 2


def test_what_is_hashed_is_written_down_before_the_end(tmp_path, photo, monkeypatch):
    root, memory = tmp_path / "photos", tmp_path / "memory"
    photo(root / "a.png"), photo(root / "b.png")
    monkeypatch.setattr(hashes, "REMEMBERED_EVERY", 0)
    lines = []
    there = lambda: lines.append(memory.read_text().count("\n") if memory.exists() else 0)  # noqa: E731
    hashes.hash_files(scan.look_through(root), memory, there)
    assert lines == [0, 1]


def test_what_was_hashed_before_a_stop_is_remembered(tmp_path, photo):
    root, memory = tmp_path / "photos", tmp_path / "memory"
    photo(root / "a.png"), photo(root / "b.png")

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hashes.hash_files(scan.look_through(root), memory, stop)
    assert len(memory.read_text().splitlines()) == 1


SIZES = [2**24] * 5 + [2**26, 1] + [1] * 133
"""Of files; few of them are read at the same time, whether they are hashed or decoded."""


def test_few_bytes_are_read_at_a_time(monkeypatch, tmp_path):
    groups = []
    monkeypatch.setattr(remote, "_read_group", lambda paths: groups.append(len(paths)) or [b""] * len(paths))
    tree = scan.Tree("s3://b", [scan.File(f"{i:03}", (size, 0, 0)) for i, size in enumerate(SIZES)])
    hashes.hash_files(tree, tmp_path / "memory", lambda: None)
    assert groups == [2, 2, 1, 1, 64, 64, 6]
    groups.clear()
    jobs = [DecodeJob(tree.place_of(file), file.sha256, row) for row, file in enumerate(tree.files)]
    (tmp_path / "rows").write_bytes(b"")
    decoded = decode_pool._decode_chunk(jobs, Settings(2, 2, "stretch", 1), Rows(str(tmp_path / "rows"), 0))
    assert groups == [2, 2, 1, 1, 64, 64, 6] and {each.reason for each in decoded} == {"empty file"}


def test_a_storage_that_fails_for_all_is_at_fault_and_what_was_hashed_is_kept(tmp_path, monkeypatch):
    good = 70
    files = [scan.File(f"{i:03}", (10, 0, 0)) for i in range(300)]

    def fail(paths):
        return [b"x" if int(path.name) < good else OSError(5, "token has expired") for path in paths]

    monkeypatch.setattr(remote, "_read_group", fail)
    with pytest.raises(UserError, match="100 files, one after the other, cannot be read, .* 169: token has expired"):
        hashes.hash_files(scan.Tree("s3://b", files), tmp_path / "memory", lambda: None)
    assert len((tmp_path / "memory").read_text().splitlines()) == good
