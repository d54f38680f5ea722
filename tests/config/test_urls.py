"""URLs of folders elsewhere, taken apart and put together."""

import pytest
from fsspec.core import url_to_fs
from messages import refused

from colorize.config import urls
from colorize.config.compose import composed
from colorize.config.messages import Refusal

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("s3://bucket", "bucket"),
        ("s3://bucket/my photos/", "my photos"),
        ("hf://datasets/user/set@main/train", "train"),
        ("zip://train::s3://bucket/a.zip", "train"),
        ("zip://::s3://bucket/a.zip", "a.zip"),
        ("zip://::photos/a.zip", "a.zip"),
        ("s3://", "s3://"),
        ("simplecache::s3://bucket/photos", "photos"),
        ("https://host/photos?token=secret", "photos"),
    ],
)
def test_people_call_it_by_its_last_step(url, name):
    assert urls.name_of(url) == name
    assert composed(["data=folder", f"data.root='{url}'"]).data.label == name


@pytest.mark.parametrize("url", ["memory://photos", "memory://photos/", "memory://"])
def test_a_folder_below_is_the_one_that_fsspec_finds_there(url):
    assert url_to_fs(urls.below(url, "a/b"))[1].rstrip("/") == url_to_fs(url)[1].rstrip("/") + "/a/b"


def test_a_folder_below_that_of_a_zip_file_is_in_the_zip_file():
    assert urls.below("simplecache::s3://bucket/a", "train") == "simplecache::s3://bucket/a/train"
    assert urls.below("zip://::s3://bucket/a.zip", "train") == "zip://train::s3://bucket/a.zip"


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("s3://bucket/a", "s3://bucket/a"),
        ("zip://::s3://bucket/a.zip", "zip://::s3://bucket/a.zip"),
        ("zip://::a.zip", "zip://::{}/a.zip"),
        ("zip://b::~/a.zip", "zip://b::HOME/a.zip"),
        ("zip://b::/x/a.zip", "zip://b::/x/a.zip"),
    ],
)
def test_a_zip_file_beside_is_found_from_anywhere(url, whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "HOME")
    expected = whole.format(tmp_path).replace("HOME", f"{tmp_path}/HOME")
    assert urls.with_whole_path(url) == expected


@pytest.mark.parametrize("root", ["photos", "C:\\photos", "C://photos", "/a/b::c", "a b://c", "://x"])
def test_a_path_of_this_machine_is_no_url(root):
    assert not urls.is_url(root)


def test_a_cache_lies_on_this_machine():
    with refused("root.cache", Refusal):
        composed(["data=folder", "data.root=x", "data.cache=s3://bucket/cache"])


@pytest.mark.parametrize("key", ["root.prepared", "root.cifar10"])
def test_what_is_read_as_maps_lies_on_this_machine(key):
    with refused(key, Refusal):
        composed([f"data={key.removeprefix('root.')}", "data.root=s3://bucket/x", "data.height=64", "data.width=64"])
