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


def test_what_says_nothing_of_a_change_is_hashed_each_time(monkeypatch):
    about = {"name": "a.png", "size": 3, "type": "file", "atime": 5}
    monkeypatch.setattr(scan, "list_files", lambda url: [("a.png", about), ("b.png", about | {"ETag": "x"})])
    first, second = scan.look_through_url("x://y").files, scan.look_through_url("x://y").files
    assert [a.stamp == b.stamp for a, b in zip(first, second)] == [False, True]
    about["size"] = None
    assert [file.problem[:9] for file in scan.look_through_url("x://y").files] == ["of a size"] * 2
