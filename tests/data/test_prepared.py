"""A prepared set is the folder of photos that it was made of, wherever it lies."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from messages import refused
from sampling import of_folder, of_set

from colorize.config.base import PROJECT
from colorize.config.compose import composed
from colorize.data import shards
from colorize.data.load import read_dataset
from colorize.data.prepare import prepare_set

pytestmark = pytest.mark.once


@pytest.fixture
def made(many, photo, tmp_path, monkeypatch):
    """A set of thirty-odd photos in shards of four, and the folder's own data."""
    photo(many / "grey.png", mode="L")
    photo(many / "Küste 写真.png")
    (many / "no photo.jpg").write_text("text")
    monkeypatch.setattr(shards, "SHARD_BYTES", 4 * 24 * 40 * 3)
    config = of_folder(many, "data.grey=drop")
    prepare_set(config, tmp_path / "set")
    return tmp_path / "set", read_dataset(config)


def test_it_is_the_folder_that_it_was_made_of(made):
    folder, expected = made
    found = read_dataset(of_set(folder))
    assert found.digest == expected.digest and found.name == "photos"
    assert len(expected.grey) == 1 and len(expected.test) > 0
    for part in ("train", "val", "test", "grey"):
        ours, theirs = getattr(found, part), getattr(expected, part)
        assert list(ours.names) == list(theirs.names) and list(ours.hashes) == list(theirs.hashes)
        assert ours.digest == theirs.digest and ours.key(0) == theirs.key(0)
        np.testing.assert_array_equal(ours.fitted(), theirs.fitted())
        np.testing.assert_array_equal(ours.pixels([0, len(ours) - 1]), theirs.pixels([0, len(theirs) - 1]))
        np.testing.assert_array_equal(np.asarray(ours.image(0)), np.asarray(theirs.image(0)))
    assert list(found.known_before("test").names) == list(expected.known_before("test").names)
    assert "rejected" in (folder / "photos.csv").read_text()


def test_it_can_be_moved_and_needs_neither_the_photos_nor_leave_to_write(made, many, tmp_path, monkeypatch):
    folder, expected = made
    folder.rename(tmp_path / "elsewhere")
    many.rename(tmp_path / "gone")
    for path in (tmp_path / "elsewhere").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    opened, open_file = [], open

    def opening(path, mode="r", *arguments, **options):
        opened.append(mode)
        return open_file(path, mode, *arguments, **options)

    monkeypatch.setattr("builtins.open", opening)
    found = read_dataset(of_set(tmp_path / "elsewhere"))
    np.testing.assert_array_equal(found.val.fitted(), expected.val.fitted())
    assert not any(set(mode) & set("wa+x") for mode in opened)


def test_a_share_and_a_number_of_photos(made):
    folder, expected = made
    half = read_dataset(of_set(folder, "data.fraction=0.5"))
    config = of_folder(folder.parent / "photos", "data.grey=drop", "data.fraction=0.5")
    assert list(half.train.hashes) == list(read_dataset(config).train.hashes)
    assert half.digest != expected.digest and len(half.val) == len(expected.val)
    some = read_dataset(of_set(folder, "data.max_photos=10"))
    assert 1 <= len(some.val) < len(expected.val) and set(some.train.names) < set(expected.train.names)


def test_smaller_pictures_are_made_of_it_and_larger_ones_are_refused(made):
    folder, expected = made
    small = read_dataset(of_set(folder, "data.height=8", "data.width=16"))
    assert small.val.fitted().shape[1:] == (8, 16, 3) and small.digest != expected.digest
    with refused("data.prepared.too_small"):
        read_dataset(of_set(folder, "data.height=48"))


def test_how_photos_of_another_shape_were_fitted_stays_known(many, tmp_path):
    prepare_set(of_folder(many, "data.resize_mode=stretch"), tmp_path / "stretched")
    with refused("data.prepared.resize_mode"):
        read_dataset(of_set(tmp_path / "stretched"))
    found = read_dataset(of_set(tmp_path / "stretched", "data.resize_mode=stretch"))
    assert found.digest == read_dataset(of_folder(many, "data.resize_mode=stretch")).digest


def test_a_run_gets_the_list_of_its_photos(made, tmp_path):
    folder, _ = made
    read_dataset(of_set(folder), manifest=tmp_path / "photos.csv")
    assert (tmp_path / "photos.csv").read_text() == (folder / "photos.csv").read_text()


def test_a_set_of_more_shards_than_files_may_be_open_is_opened(made):
    folder, _ = made
    program = "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, ({}, r.getrlimit(r.RLIMIT_NOFILE)[1])); import sys;"
    program += "from pathlib import Path; from colorize.data.shards import open_shards;"
    program += "print(len(open_shards(Path(sys.argv[1]) / 'shards', int(sys.argv[2]))))"
    shards = len(list((folder / "shards").glob("*.npy")))
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    few = [sys.executable, "-c", program.format(shards + 3), str(folder), str(shards)]
    done = subprocess.run(few, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_what_is_no_whole_set_is_refused(made, tmp_path):
    folder, _ = made
    with refused("data.prepared.none"):
        read_dataset(of_set(tmp_path / "photos"))
    with refused("data.prepared.no_root"):
        read_dataset(composed(["data=prepared"]).data)
    with refused("data.prepared.as_folder"):
        read_dataset(of_folder(folder))
    (folder / "shards" / "00001.npy").rename(tmp_path / "shard")
    with refused("data.prepared.damaged"):
        read_dataset(of_set(folder))
    about = json.loads((folder / "prepared.json").read_text())
    (folder / "prepared.json").write_text(json.dumps(about | {"version": 99}))
    with refused("data.prepared.version"):
        read_dataset(of_set(folder))
    (folder / "prepared.json").unlink()
    with refused("data.prepared.unfinished"):
        read_dataset(of_set(folder))


MILLION = """
import numpy as np, psutil, sys
from pathlib import Path
from colorize.data.prepared import Hashes, Texts
from colorize.data.batches import Batches
from colorize.config.compose import composed
from colorize.data.load import read_dataset
config = composed(["data=prepared", f"data.root={sys.argv[1]}", "data.height=8", "data.width=8"]).data
before = psutil.Process().memory_info().rss
dataset = read_dataset(config)
batches = Batches(dataset.train, 8, 8, 16, config.augmentation, 1)
known = dataset.known_before("test")
assert len(known) > 1_000_000 and known.names[999_999] == "folder/photo_0999999.jpg"
assert len(dataset.train) == 1_000_000 and len(batches.names(3)) == 16 and batches.batch(5).shape == (16, 8, 8, 3)
print((psutil.Process().memory_info().rss - before) / 1e6)
"""


@pytest.mark.slow
def test_a_million_photos_take_little_memory(made, tmp_path):
    folder, _ = made
    number = 1_000_000
    digits = np.char.mod("folder/photo_%07d.jpg", np.arange(number)).astype("S24")
    sums = np.random.default_rng(0).integers(0, 256, (number, 32)).astype("uint8")
    arrays = {
        "rows": np.zeros(number, int), "hashes": sums, "names": digits.view("uint8").ravel(),
        "ends": np.arange(1, number + 1) * digits.itemsize,
    }  # fmt: skip
    for kind, array in arrays.items():
        np.save(folder / f"train.{kind}.npy", array)
    about = json.loads((folder / "prepared.json").read_text())
    about["photos"]["train"] = number
    (folder / "prepared.json").write_text(json.dumps(about))
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, "-c", MILLION, folder], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 200
