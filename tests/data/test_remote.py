"""Photos in a bucket and in zip files are those of a folder, and hostile names and contents are only rejected."""

import importlib
import itertools
import logging
import tarfile
import zipfile

import boto3
import fsspec
import pytest
from evil import claiming
from folders import read, record_of
from messages import refused
from moto.server import ThreadedMotoServer

from colorize.config.compose import composed
from colorize.data import decode_pool, hashes, scan
from colorize.data.load import advice
from colorize.data.remote import RemotePath, read_each

pytestmark = pytest.mark.once

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def server():
    """An S3 server on this machine; the address of it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(server, monkeypatch):
    """A client of it, where fsspec finds it too."""
    for name, value in {"ENDPOINT_URL": server, "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "y"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()  # of another server
    return boto3.client("s3", region_name="us-east-1")


@pytest.fixture
def bucket(s3):
    """A new bucket; `put` stores bytes in it, `url` is that of its folder `photos`."""

    class Bucket:
        name = f"bucket-{next(NUMBERS)}"
        url = f"s3://{name}/photos"

        @classmethod
        def put(cls, key, content):
            s3.put_object(Bucket=cls.name, Key=key, Body=content)

        @classmethod
        def put_folder(cls, folder):
            for path in folder.rglob("*.*"):
                cls.put(f"photos/{path.relative_to(folder)}", path.read_bytes())

    s3.create_bucket(Bucket=Bucket.name)
    return Bucket


def same(first, second):
    parts = ("train", "val", "test", "grey")
    return first.digest == second.digest and all(
        first.part(part).names == second.part(part).names
        and (first.part(part).stored[first.part(part).rows] == second.part(part).stored[second.part(part).rows]).all()
        for part in parts
    )


@pytest.mark.parametrize("in_processes", [False, True])
def test_a_bucket_is_the_folder_that_it_holds(in_processes, many, bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(decode_pool, "are_worth_it", lambda total_bytes: in_processes)
    bucket.put_folder(many)
    here, elsewhere = read(many, cache=str(tmp_path / "a")), read(bucket.url, cache=str(tmp_path / "b"))
    assert same(here, elsewhere) and elsewhere.source == bucket.url


def test_the_split_of_folders_holds(many, bucket):
    names = sorted(many.iterdir())
    for number, path in enumerate(names):
        bucket.put(f"photos/{('train', 'val', 'test')[number % 3]}/{path.name}", path.read_bytes())
    dataset = read(bucket.url)
    assert set(dataset.val.names) == {f"val/{path.name}" for path in names[1::3]}
    assert set(dataset.test.names) == {f"test/{path.name}" for path in names[2::3]}


HOSTILE = {
    "up%20.png": "used", "st*r[1]?.png": "used", "st*r[2].png": "used", "{a,b}.png": "used", "a::b.png": "used",
    "%41.png": "used", "A.png": "used", "/double.png": "used", "folder.png/inside.png": "used",
    "folder.png": "used", " ü 写真 .png": "used", "-rf.png": "used", "CON.png": "used", "x" * 900 + ".png": "used",
    "zip://inner.png": "used", "a.png?versionId=1.png": "rejected", "\x1b[2J.png": "used",
}  # fmt: skip
"""Names below `photos/`, and what becomes of the photo; behind `?versionId=` s3fs looks for a version."""


def test_names_that_mean_something_elsewhere_are_names(many, bucket, photo, tmp_path):
    bucket.put_folder(many)
    for name in HOSTILE:
        bucket.put(f"photos/{name}", photo(tmp_path / "made" / "photo.png").read_bytes())
    bucket.put("photos/folder/", b"")
    bucket.put("photos_of_another/a.png", b"")
    dataset = read(bucket.url)
    found = {record.name: record.status for record in dataset.manifest.records}
    assert found == {name: "used" for name in (path.name for path in many.iterdir())} | HOSTILE
    assert record_of(dataset, "a.png?versionId=1.png").detail == "cannot be read: no such file"


def test_hostile_objects_are_rejected_by_name(many, bucket, monkeypatch):
    bucket.put_folder(many)
    whole = (many / "good_00.png").read_bytes()
    monkeypatch.setattr(scan, "LARGEST_FILE", 5000)
    for name, content in {
        "empty.jpg": b"", "text.jpg": b"no photo", "cut.png": whole[: len(whole) // 2], "large.png": bytes(5001),
        "bomb.png": claiming(50_000), ".hidden/a.png": whole, "sub/.b.png": whole, "notes.txt": b"x", "page.svg": b"x",
    }.items():  # fmt: skip
        bucket.put(f"photos/{name}", content)
    dataset = read(bucket.url, max_rejected_fraction=0.5)
    reasons = {record.name: record.detail for record in dataset.manifest.rejected}
    assert reasons["empty.jpg"] == "empty file" and reasons["text.jpg"].startswith("not a photo")
    assert reasons["cut.png"].startswith("damaged") and "pixels" in reasons["bomb.png"]
    assert reasons["large.png"] == scan.TOO_LARGE and len(reasons) == 5
    assert dataset.manifest.ignored == {"hidden": 2, ".txt": 1, ".svg": 1}


def test_what_goes_between_listing_and_reading_is_rejected(many, bucket, s3, monkeypatch):
    bucket.put_folder(many)
    listed = scan.list_files

    def list_then_delete(url):
        yield from listed(url)
        s3.delete_object(Bucket=bucket.name, Key="photos/good_03.png")
        bucket.put("photos/good_04.png", b"another")

    monkeypatch.setattr(scan, "list_files", list_then_delete)
    dataset = read(bucket.url)
    reasons = {record.name: record.detail for record in dataset.manifest.rejected}
    assert reasons["good_03.png"].startswith("cannot be read: ") and reasons["good_04.png"].startswith("not a photo")
    assert len(reasons) == 2


def test_what_changes_between_hashing_and_decoding_is_rejected(many, bucket, tmp_path, monkeypatch):
    bucket.put_folder(many)
    reading = decode_pool.read_each
    monkeypatch.setattr(
        decode_pool, "read_each", lambda paths: bucket.put("photos/good_04.png", b"x") or reading(paths)
    )
    (rejected,) = read(bucket.url, cache=str(tmp_path / "cache")).manifest.rejected
    assert (rejected.name, rejected.detail) == ("good_04.png", "cannot be read: it changed meanwhile")


def test_the_second_start_reads_what_is_new(many, bucket, photo, tmp_path, monkeypatch):
    bucket.put_folder(many)
    first = read(bucket.url)
    reading, names = hashes.read_each, []
    monkeypatch.setattr(hashes, "read_each", lambda paths: names.extend(path.name for path in paths) or reading(paths))
    assert same(first, read(bucket.url)) and names == []
    bucket.put("photos/good_05.png", photo(tmp_path / "new.png").read_bytes())
    assert read(bucket.url).digest != first.digest and names == ["good_05.png"]


UNKNOWN = {
    "root.no_bucket": "s3://no-such-bucket/x", "root.all_buckets": "s3://", "root.no_protocol": "s4://bucket/x",
    "root.no_zip": "zip://::TMP/none.zip", "root.damaged_zip": "zip://::TMP/damaged.zip",
    "root.nothing": "memory://nothing", "root.zip_alone": "zip://photos.zip",
}  # fmt: skip


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_cannot_be_listed_says_why(what, s3, tmp_path):
    (tmp_path / "damaged.zip").write_bytes(b"PK\3\4")
    with refused(what, TMP=tmp_path):
        read(UNKNOWN[what].replace("TMP", str(tmp_path)))


CHANGES = {
    "root.no_credentials": {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
    "root.no_server": {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"},
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_storage_that_cannot_be_reached(what, s3, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in CHANGES[what].items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    with refused(what):
        read("s3://bucket/photos")


def test_a_package_that_is_missing(monkeypatch):
    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda url: importlib.import_module("s3fs_"))
    with refused("root.no_package"):
        read("s3://bucket/photos")


def test_a_file_is_no_folder_and_a_zip_file_says_how(many, bucket):
    bucket.put("photos/a.png", b"x")
    bucket.put("photos.zip", b"x")
    with refused("root.file", BUCKET=bucket.name):
        read(f"{bucket.url}/a.png")
    with refused("root.zip", BUCKET=bucket.name):
        read(f"s3://{bucket.name}/photos.zip")
    archive = many.parent / "photos.ZIP"
    archive.touch()
    with refused("root.zip_here", TMP=many.parent):
        read(archive)


def zipped(folder, archive, **more):
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in folder.rglob("*.*"):
            file.write(path, f"photos/{path.relative_to(folder)}")
        for name, content in more.items():
            file.writestr(name, content)
    return archive


def test_zip_files_here_and_in_a_bucket(many, bucket, tmp_path):
    archive = zipped(many, tmp_path / "a.zip")
    bucket.put("a.zip", archive.read_bytes())
    expected = read(many)
    assert same(expected, read(f"zip://photos::{archive}"))
    assert same(expected, read(f"zip://photos::s3://{bucket.name}/a.zip"))
    assert read(f"zip://::{archive}").train.names == tuple(f"photos/{name}" for name in expected.train.names)


def test_another_zip_file_of_the_same_name_is_read_anew(many, photo, tmp_path):
    url = f"zip://::{zipped(many, tmp_path / 'a.zip')}"
    assert len(read(url).manifest.records) == 30
    photo(many / "one_more.png")
    zipped(many, tmp_path / "a.zip")
    assert len(read(url).manifest.records) == 31


def test_a_hostile_zip_file_writes_nothing_and_its_photos_are_rejected(many, photo, tmp_path, monkeypatch):
    content = photo(tmp_path / "made" / "photo.png").read_bytes()
    place = tmp_path / "deep" / "deeper"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    before = sorted(tmp_path.rglob("*"))
    absolute = tmp_path / "absolute.png"
    archive = zipped(many, place / "a.zip", **{"../../up.png": content, str(absolute): content, "photos/": b""})
    data = bytearray(archive.read_bytes())
    at = data.rindex(b"photos/good_07.png") - 46  # in the directory at the end: flags at 8, the sum of the bytes at 16
    data[at + 8] |= 1  # encrypted
    at = data.rindex(b"photos/good_08.png") - 46
    data[at + 16] ^= 255
    archive.write_bytes(data)
    dataset = read(f"zip://::{archive}", cache=str(place / "cache"))
    reasons = {record.name: record.detail for record in dataset.manifest.rejected}
    assert set(reasons) == {str(absolute), "photos/good_07.png", "photos/good_08.png"}
    assert "encrypted" in reasons["photos/good_07.png"] and "Bad CRC" in reasons["photos/good_08.png"]
    assert dataset.manifest.ignored["hidden"] == 1  # `..`
    assert [path for path in sorted(tmp_path.rglob("*")) if place / "cache" not in [path, *path.parents]] == sorted(
        [*before, archive]
    )


def test_names_in_an_archive_may_begin_at_its_own_folder(many, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(many, "./photos")
    found = read(f"tar://::{tmp_path / 'a.tar'}")
    assert len(found.manifest.records) == 30 and found.digest == read(many).digest


def test_many_are_read_in_their_order_and_errors_in_their_place(bucket):
    for i in range(100):
        bucket.put(f"photos/{i}", str(i).encode())
    found = list(read_each([RemotePath(bucket.url, str(i), 2) for i in [*range(99, -1, -1), 1000]]))
    assert found[:-1] == [str(i).encode() for i in range(99, -1, -1)]
    assert isinstance(found[-1], OSError) and found[-1].strerror


def test_keys_that_begin_with_a_slash_are_one_folder_with_the_others(many, bucket):
    for number, path in enumerate(sorted(many.iterdir())):
        bucket.put(f"photos/{'/' if number % 2 else ''}{path.name}", path.read_bytes())
    dataset = read(bucket.url)
    assert len(dataset.manifest.records) == 30 and advice(composed(["data=sample"]).data, dataset)
