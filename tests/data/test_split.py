"""Which part of the split a photo belongs to."""

import hashlib
import os
import shutil
from collections import Counter

import pytest
from folders import read, record_of
from PIL import Image
from sampling import data

from colorize.data.load import is_declared, read_dataset
from colorize.data.scan import part_of
from colorize.data.split import by_content

pytestmark = pytest.mark.once


def test_the_split_depends_on_content_and_on_nothing_else(photo_folder, tmp_path):
    before = read_dataset(data(root=str(photo_folder), val_fraction=0.3))
    other = tmp_path / "elsewhere" / "deeper"
    other.mkdir(parents=True)
    for i, path in enumerate(sorted(photo_folder.iterdir(), reverse=True)):
        shutil.copy(path, other / f"renamed_{i}.png")
    shutil.copy(other / "renamed_0.png", other / "the_same_twice.png")
    after = read_dataset(data(root=str(other.parent), val_fraction=0.3))
    for part in ("train", "val"):
        old, new = getattr(before, part), getattr(after, part)
        assert old.hashes == new.hashes
        assert old.digest == new.digest
    assert not set(after.train.hashes) & set(after.val.hashes)


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("train", "val"),
        ("train", "valid"),
        ("TRAIN", "Validation"),
        ("train2017", "val2017"),
        ("Training", "dev_images"),
        ("train_256", "val_256"),
        ("trainA", "valA"),
    ],
)
def test_folders_are_the_split_where_there_are_some(train, val, tmp_path, photo):
    for part, number in ((train, 5), (val, 3), ("test", 2)):
        for i in range(number):
            photo(tmp_path / part / "deeper" / f"{i}.png")
    photo(tmp_path / "elsewhere" / "stray.png")
    dataset = read(tmp_path, max_rejected_fraction=0.0)
    assert [len(dataset.part(part)) for part in ("train", "val", "test")] == [5, 3, 2]
    assert all(file.startswith("test/") for file in dataset.test.names)
    stray = record_of(dataset, "elsewhere/stray.png")
    assert (stray.status, stray.split) == ("outside", "")
    assert "1 outside of the folders of the split, left out" in dataset.manifest.summary()[0]


@pytest.mark.parametrize(
    "name", ["trains", "testament", "train20", "devon", "2017", "val.old", "unlabeled2017", "testa"]
)
def test_other_folders_are_no_part_of_it(name):
    assert part_of(name) is None


def test_they_may_lie_below_the_one_folder_that_holds_all_photos(tmp_path, photo):
    """As in the folder that holds COCO's `images` and `annotations`."""
    for part, number in (("train2017", 5), ("val2017", 3)):
        for i in range(number):
            photo(tmp_path / "set" / "images" / part / f"{i}.png")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances.json").write_text("{}")
    dataset = read(tmp_path)
    assert [len(dataset.train), len(dataset.val)] == [5, 3] and dataset.manifest.summary() == []
    assert is_declared(dataset.val, "val") and not is_declared(dataset.val, "test")


def test_a_split_that_lies_elsewhere_is_told(tmp_path, photo):
    for part, number in (("train", 30), ("valid", 30)):
        for i in range(number):
            photo(tmp_path / "images" / part / f"{i}.png")
    photo(tmp_path / "logo.png")
    dataset = read(tmp_path, val_fraction=0.3)
    assert {name.rpartition("/")[0] for name in dataset.val.names} >= {"images/train", "images/valid"}
    (told,) = dataset.manifest.summary()
    assert "images/train, images/valid" in told and f"data.root={tmp_path / 'images'} takes them" in told
    assert not is_declared(dataset.val, "val")


def test_splits_of_several_places_are_told_as_such(tmp_path, photo):
    for kind in ("cats", "dogs"):
        for part in ("train", "val"):
            for i in range(10):
                photo(tmp_path / kind / part / f"{i}.png")
    dataset = read(tmp_path, val_fraction=0.3)
    (told,) = dataset.manifest.summary()
    assert "cats/train, cats/val (and 1 more pairs)" in told and "data.root" not in told
    assert not is_declared(dataset.val, "val")


def test_a_damaged_file_beside_their_folder_takes_no_split_away(tmp_path, photo):
    for part, number in (("train", 5), ("val", 3)):
        for i in range(number):
            photo(tmp_path / "images" / part / f"{i}.png")
    os.symlink(tmp_path / "nowhere", tmp_path / "broken.jpg")
    dataset = read(tmp_path, max_rejected_fraction=0.5)
    assert [len(dataset.train), len(dataset.val)] == [5, 3]


def test_a_link_from_one_part_to_another_is_named(tmp_path, photo):
    for i in range(20):
        photo(tmp_path / "images" / "train" / f"{i}.png")
    os.symlink(tmp_path / "images" / "train", tmp_path / "images" / "val")
    dataset = read(tmp_path, max_rejected_fraction=0.5, val_fraction=0.3)
    assert record_of(dataset, "images/val").detail == "a link to a folder that is read under another name"


def test_train_and_test_alone_give_up_some_of_train_for_val(tmp_path, photo):
    for part, number in (("train", 40), ("test", 5)):
        for i in range(number):
            photo(tmp_path / part / f"{i}.png")
    dataset = read(tmp_path, val_fraction=0.3)
    assert len(dataset.test) == 5 and len(dataset.train) + len(dataset.val) == 40 and len(dataset.val) > 3
    assert all(file.startswith("train/") for file in dataset.val.names)


def test_without_train_all_that_is_not_val_or_test_is_train(tmp_path, photo):
    for part, number in (("holiday", 5), ("val", 3), ("test", 2)):
        for i in range(number):
            photo(tmp_path / part / f"{i}.png")
    photo(tmp_path / "loose.png")
    dataset = read(tmp_path)
    assert [len(dataset.part(part)) for part in ("train", "val", "test")] == [6, 3, 2]


def test_a_link_beside_them_does_not_take_the_split_away(tmp_path, photo):
    for part, number in (("train", 5), ("val", 3), ("test", 2)):
        for i in range(number):
            photo(tmp_path / part / f"{i}.png")
    os.symlink(tmp_path / "train", tmp_path / "all")
    os.symlink(tmp_path / "test", tmp_path / "latest")
    dataset = read(tmp_path)
    assert [len(dataset.part(part)) for part in ("train", "val", "test")] == [5, 3, 2]
    assert all(name.startswith("test/") for name in dataset.test.names)


def test_a_folder_that_happens_to_be_called_train_is_no_split(tmp_path, photo):
    for name in ("train", "bus"):
        for i in range(15):
            photo(tmp_path / name / f"{i}.png")
    dataset = read(tmp_path, val_fraction=0.3)
    assert {file.partition("/")[0] for file in dataset.train.names} == {"train", "bus"}


def test_shares_by_content_are_about_those_asked_for():
    hashes = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(4000)]
    counts = Counter(by_content(h, 0.1, 0.25) for h in hashes)
    assert abs(counts["val"] / 4000 - 0.1) < 0.02 and abs(counts["test"] / 4000 - 0.25) < 0.03
    assert by_content("0" * 64, 0.0) == "train" and by_content("f" * 64, 0.9) == "train"


def test_another_share_for_val_moves_no_photo_of_the_test_part():
    hashes = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(1000)]
    few, many = ({h for h in hashes if by_content(h, val, 0.1) == "test"} for val in (0.05, 0.3))
    assert few == many and len(few) > 50


def test_the_same_file_in_two_parts_stays_in_the_one_judged_last(tmp_path, photo):
    for part, number in (("train", 6), ("val", 3), ("test", 3)):
        for i in range(number):
            photo(tmp_path / part / f"{i}.png")
    shutil.copy(tmp_path / "test" / "0.png", tmp_path / "train" / "leak.png")
    shutil.copy(tmp_path / "val" / "1.png", tmp_path / "train" / "leak2.png")
    shutil.copy(tmp_path / "train" / "3.png", tmp_path / "train" / "twice.png")
    dataset = read(tmp_path)
    assert [len(dataset.part(part)) for part in ("train", "val", "test")] == [6, 3, 3]
    leak = record_of(dataset, "train/leak.png")
    assert leak.status == "duplicate" and leak.detail == "in two parts of the split: kept in test as test/0.png"
    assert "kept in val as val/1.png" in record_of(dataset, "train/leak2.png").detail
    assert record_of(dataset, "train/twice.png").detail == "the same file as train/3.png"
    assert "1 copies of others, 2 in two parts of the split, kept in one" in dataset.manifest.summary()[0]


def test_the_same_picture_under_other_metadata_does_not_leak_either(tmp_path, photo):
    for part, number in (("train", 4), ("val", 3)):
        for i in range(number):
            photo(tmp_path / part / f"{i}.png")
    with Image.open(tmp_path / "val" / "0.png") as image:
        image.save(tmp_path / "train" / "again.png", compress_level=0)
    dataset = read(tmp_path)
    assert "kept in val as val/0.png" in record_of(dataset, "train/again.png").detail
    assert len(dataset.train) == 4
