"""Which files of a folder are looked at, and what is remembered of them."""

import os

import pytest
from folders import read, record_of

from colorize.data import scan

pytestmark = pytest.mark.once


def test_links_are_followed_once_and_loops_end(many, tmp_path, photo):
    photo(tmp_path / "outside" / "linked.png")
    os.symlink(tmp_path / "outside", many / "link")
    os.symlink(tmp_path / "outside", many / "second_link")
    os.symlink(many, many / "loop")
    os.symlink(many / "nowhere.png", many / "dangling.png")
    os.symlink(many / "good_00.png", many / "again.png")
    dataset = read(many)
    assert record_of(dataset, "dangling.png").detail == "a link that leads nowhere"
    assert record_of(dataset, "link/linked.png").status == "used"
    assert not [record for record in dataset.manifest.records if record.name.startswith(("loop", "second_link"))]
    assert {record_of(dataset, n).status for n in ("again.png", "good_00.png")} == {"used", "duplicate"}


def test_what_is_no_regular_file_is_never_opened(many):
    os.mkfifo(many / "pipe.jpg")  # opening it would wait for ever
    assert record_of(read(many), "pipe.jpg").detail == "no regular file (a pipe, socket or device)"


def test_hidden_files_are_passed_over_and_unread_kinds_are_reported(many, photo):
    photo(many / ".thumbnails" / "small.png")
    (many / "._good_00.png").write_bytes(b"of a Mac")
    (many / "drawing.svg").write_bytes(b"x")
    (many / "notes.txt").write_text("x")
    dataset = read(many)
    assert len(dataset.manifest.records) == 30
    assert dataset.manifest.summary()[1:] == ["not read: 1 .svg"]


def test_hashes_are_remembered_until_a_file_changes(tmp_path, photo, monkeypatch):
    root, memory = tmp_path / "photos", tmp_path / "memory"
    photo(root / "a.png"), photo(root / "b.png")
    read_files = []
    original = scan._hash
    monkeypatch.setattr(scan, "_hash", lambda path, file: read_files.append(path.name) or original(path, file))

    def hashes():
        read_files.clear()
        tree = scan.look_through(root)
        scan.hash_files(tree, memory, lambda: None)
        return {file.name: file.sha256 for file in tree.files}

    first = hashes()
    assert read_files == ["a.png", "b.png"]
    assert hashes() == first and read_files == []
    stamp = (root / "a.png").stat()
    (root / "a.png").write_bytes((root / "b.png").read_bytes()[: stamp.st_size].ljust(stamp.st_size, b"\0"))
    os.utime(root / "a.png", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as a careless program would
    assert hashes()["a.png"] != first["a.png"] and read_files == ["a.png"]
    memory.write_text("[damaged")
    assert hashes()["b.png"] == first["b.png"] and len(read_files) == 2
