"""Preparing a set: into a folder of its own, again without work."""

import pytest
from messages import refused
from sampling import of_folder

from colorize.data import cache, shards
from colorize.data.prepare import prepare_set

pytestmark = pytest.mark.once


def test_again_it_decodes_nothing_and_ends_the_same(many, tmp_path, monkeypatch):
    first = prepare_set(of_folder(many), tmp_path / "set")
    about = (tmp_path / "set" / "prepared.json").read_text()
    monkeypatch.setattr(shards, "decode_all", lambda *arguments: 1 / 0)
    assert prepare_set(of_folder(many), tmp_path / "set").digest == first.digest
    assert (tmp_path / "set" / "prepared.json").read_text() == about


def test_a_set_that_is_being_made_again_is_not_whole(many, photo, tmp_path, monkeypatch):
    prepare_set(of_folder(many), tmp_path / "set")
    photo(many / "one more.png")
    monkeypatch.setattr(shards, "decode_all", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepare_set(of_folder(many), tmp_path / "set")
    assert not (tmp_path / "set" / "prepared.json").exists()


def test_a_folder_with_something_else_in_it_is_refused(many, tmp_path):
    with refused("prepare.out.taken"):
        prepare_set(of_folder(many), many)


def test_a_disk_that_is_too_small_is_told_before_anything_is_decoded(many, tmp_path, monkeypatch):
    usage = cache.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: usage._replace(free=100))
    monkeypatch.setattr(shards, "decode_all", lambda *arguments: 1 / 0)
    with refused("prepare.out.disk_full"):
        prepare_set(of_folder(many), tmp_path / "set")
