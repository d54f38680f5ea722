"""CIFAR-10 in its binary version."""

import hashlib
import math
from pathlib import Path

import keras
import numpy as np
import pytest
from messages import refused

from colorize.config.compose import composed
from colorize.data import cifar10
from colorize.data.load import read_dataset

pytestmark = pytest.mark.once

DATA = composed(["data=cifar10"]).data
PICTURES = 40


@pytest.fixture
def binary(tmp_path, monkeypatch):
    """Files like those of CIFAR-10, of 40 pictures instead of 10,000, the first of each exactly grey."""
    monkeypatch.setattr(cifar10, "PICTURES", PICTURES)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for number, name in enumerate([*cifar10.TRAIN, *cifar10.TEST]):
        records = np.random.default_rng(number).integers(0, 256, (PICTURES, 3073)).astype("uint8")
        records[0, 1:] = 10 * number
        records.tofile(folder / name)
    return folder


def read(root, test=False, **changes):
    return read_dataset(DATA.model_copy(update={"root": str(root), **changes}), test)


def test_planes_become_pixels(binary):
    dataset = read(binary, test=True)
    record = np.fromfile(binary / "test_batch.bin", "uint8").reshape(-1, 3073)[7]
    picture = dataset.test.fitted([7])[0]
    for channel, row, column in ((0, 0, 0), (1, 3, 30), (2, 31, 5)):  # a label, then 1024 of red, green, blue
        assert picture[row, column, channel] == record[1 + 1024 * channel + 32 * row + column]
    assert dataset.test.fitted().shape == (PICTURES, 32, 32, 3)


def test_the_root_may_be_the_folder_or_the_one_above(binary):
    assert read(binary).digest == read(binary.parent).digest


def test_val_comes_out_of_train_and_the_official_test_set_is_whole(binary):
    dataset = read(binary, test=True, val_fraction=0.3)
    assert len(dataset.train) + len(dataset.val) + len(dataset.grey) == 5 * PICTURES
    assert 0.15 < len(dataset.val) / (5 * PICTURES) < 0.45
    assert len(dataset.test) == PICTURES and not set(dataset.test.hashes) & set(dataset.train.hashes)
    expected = hashlib.sha256(dataset.val.fitted([0])[0].tobytes()).hexdigest()
    assert dataset.val.hashes[0] == expected and int(expected, 16) / 2**256 < 0.3


def test_training_does_not_open_the_test_set(binary):
    with_test = read(binary, test=True).digest
    (binary / "test_batch.bin").unlink()
    dataset = read(binary)
    assert dataset.test is None and dataset.digest == with_test
    with refused("data.root.no_test_batch"):
        read(binary, test=True)


def test_grey_pictures_are_left_out_of_training_and_kept_elsewhere(binary):
    dropped, kept = read(binary, val_fraction=0.01), read(binary, val_fraction=0.01, grey="keep")
    assert (
        len(kept.train) - len(dropped.train)
        == len(dropped.grey)
        == 5 - sum(int(sha256, 16) / 2**256 < 0.01 for sha256 in dropped.grey.hashes)
    )
    assert len(dropped.known_before("val")) == len(kept.train)


def test_a_file_of_another_size_is_named(binary):
    (binary / "data_batch_3.bin").write_bytes(b"half")
    with refused("data.root.batch_of_another_size"):
        read(binary)


def test_missing_files_say_which_and_where(tmp_path):
    with refused("data.root.no_batches", folder=tmp_path):
        read(tmp_path)


def test_without_a_network_the_error_says_what_to_put_where(monkeypatch):
    def offline(**arguments):
        assert arguments["file_hash"] == cifar10.SHA256 and len(cifar10.SHA256) == 64
        raise Exception("URL fetch failure on https://...: None -- no route to host")

    monkeypatch.setattr(keras.utils, "get_file", offline)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    with refused("data.cifar10_without_a_network", home=Path.home()):
        read_dataset(DATA)


def test_what_was_fetched_is_found(binary, monkeypatch):
    monkeypatch.setattr(keras.utils, "get_file", lambda **arguments: str(binary.parent))
    assert read_dataset(DATA).digest == read(binary).digest


def test_another_size_is_resized(binary):
    dataset = read(binary, test=True, height=16, width=24)
    assert dataset.test.fitted().shape == (PICTURES, 16, 24, 3) and dataset.digest != read(binary).digest


def test_some_of_the_pictures_are_spread_over_the_set(binary):
    whole, some = (read(binary, True, grey="keep", max_photos=number) for number in (None, 30))
    assert len(some.train) + len(some.val) == 30 and len(some.test) == 30
    assert set(some.train.hashes) < set(whole.train.hashes) and set(some.val.hashes) <= set(whole.val.hashes)


def test_a_share_of_the_training_pictures_leaves_val_whole(binary):
    whole, some = (read(binary, fraction=share) for share in (1.0, 0.25))
    assert len(some.train) == math.ceil(len(whole.train) / 4) and set(some.train.hashes) < set(whole.train.hashes)
    assert some.val.hashes == whole.val.hashes and some.grey.hashes == whole.grey.hashes


def test_grey_pictures_are_counted(binary):
    dataset = read(binary, val_fraction=0.01)
    assert dataset.summary() == [f"{len(dataset.grey)} photos without colours (data.grey) are left out of training"]
    assert read(binary, grey="keep").summary() == []
