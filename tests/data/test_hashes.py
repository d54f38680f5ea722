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


def test_few_bytes_are_read_at_a_time(tmp_path, monkeypatch):
    groups = []
    monkeypatch.setattr(hashes, "read_all", lambda paths: groups.append(len(paths)) or [b""] * len(paths))
    tree = scan.Tree("s3://b", [scan.File(f"{i:03}", (size, 0, 0)) for i, size in enumerate([2**24] * 5 + [2**26, 1])])
    tree.files += [scan.File(f"{i:03}", (1, 0, 0)) for i in range(7, 140)]
    hashes.hash_files(tree, tmp_path / "memory", lambda: None)
    assert groups == [2, 2, 1, 1, 64, 64, 6]
