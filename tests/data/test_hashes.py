"""What is remembered of the files of a folder, and how much is read at a time."""

import os
from pathlib import Path

import pytest

from colorize.data import hashes, scan

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
