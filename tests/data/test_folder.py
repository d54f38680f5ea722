"""A folder of anything becomes a data set, and every file gets its status."""

import math
import os
import shutil
from collections import Counter

import numpy as np
import pytest
from folders import DATA, read, record_of
from messages import refused
from PIL import Image

from colorize.config.compose import composed
from colorize.config.messages import Refusal
from colorize.data.load import advice, read_dataset
from colorize.errors import UserError

pytestmark = pytest.mark.once

HOSTILE = {
    "empty.jpg": (b"", "empty file"),
    "text.jpg": (b"hello, I am no photo", "not a photo of a known format"),
    "page.png": (b"%PDF-1.7\n", "not a photo"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_photo_is_rejected_and_the_others_are_used(name, many):
    content, reason = HOSTILE[name]
    (many / name).write_bytes(content)
    dataset = read(many)
    record = record_of(dataset, name)
    assert record.status == "rejected" and record.detail.startswith(reason) and record.split == ""
    assert sum(len(dataset.part(part)) for part in ("train", "val", "test")) == 30
    assert any("1 rejected" in line for line in dataset.manifest.summary())
    assert any(name in line and reason in line for line in dataset.manifest.summary())


def test_truncated_one_pixel_wide_and_wrongly_named_files(many, photo):
    whole = photo(many / "truncated.jpg", (200, 300)).read_bytes()
    (many / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    photo(many / "line.png", (1, 300))
    photo(many / "really_a_png.jpg", format="PNG")
    dataset = read(many)
    assert record_of(dataset, "truncated.jpg").detail.startswith("damaged: image file is truncated")
    assert record_of(dataset, "line.png").detail == "300 x 1 pixels: a side is shorter than 16"
    wrong = record_of(dataset, "really_a_png.jpg")
    assert wrong.status == "used" and wrong.format == "PNG" and (wrong.width, wrong.height) == (40, 24)


def test_exactly_grey_photos_are_left_out_of_training_only(many, photo):
    for i in range(20):
        photo(many / f"grey_{i}.png", mode="L")
    dataset, kept = read(many), read(many, grey="keep")
    greys = [record for record in dataset.manifest.records if record.name.startswith("grey")]
    dropped = [record for record in greys if record.status == "grey"]
    assert dropped and {v.split for v in dropped} == {"train"} and len(dropped) == len(dataset.grey)
    assert len(kept.train) == len(dataset.train) + len(dropped) and len(kept.grey) == 0
    assert kept.val.hashes == dataset.val.hashes and kept.test.hashes == dataset.test.hashes
    assert len(dataset.known_before("val")) == len(kept.train)
    assert len(dataset.known_before("test")) == len(kept.train) + len(kept.val)
    assert any(f"{len(dropped)} exactly grey" in line for line in dataset.manifest.summary())


def test_nearly_grey_and_toned_photos_are_left_out_where_that_is_asked_for(many):
    rng = np.random.default_rng(3)
    for i in range(40):
        grey = rng.integers(0, 255, (24, 40, 1)).astype(float)
        tint, tone = (np.array(shares) for shares in ((1.0, 1.0, 0.97), (1.0, 0.8, 0.5)))
        Image.fromarray((grey * (tone if i % 2 else tint)).astype("uint8")).save(many / f"pale_{i}.png")
    exact, dropped = read(many, grey="drop_exact"), read(many, grey="drop")
    details = {r.name: r.detail for r in dropped.manifest.records if r.status == "grey"}
    assert details == {
        r.name: "of one tone" if int(r.name[5:-4]) % 2 else "nearly grey"
        for r in exact.manifest.records
        if r.name.startswith("pale") and r.split == "train"
    }
    assert set(dropped.grey.names) == set(details) and len(exact.grey) == 0
    assert dropped.val.hashes == exact.val.hashes and dropped.test.hashes == exact.test.hashes
    counts = Counter(details.values())
    summary = " ".join(dropped.manifest.summary())
    assert all(f"{number} {kind}, left out of training" in summary for kind, number in counts.items())
    assert dropped.digest != exact.digest
    none = read(many, grey="drop", min_colorfulness=0.0)
    assert {r.detail for r in none.manifest.records if r.status == "grey"} == {"of one tone"}  # so are the pale ones


def test_some_photos_are_spread_over_the_folder_and_the_parts_of_its_split(tmp_path, photo):
    for name, number in (("train/a", 50), ("train/b", 30), ("val", 12), ("test", 3)):
        for i in range(number):
            photo(tmp_path / name / f"{i:02}.png")
    whole, some = read(tmp_path), read(tmp_path, max_photos=15)
    assert [len(part) for part in (some.train, some.val, some.test)] == [5, 5, 3]
    assert all(set(some.part(part).hashes) < set(whole.part(part).hashes) for part in ("train", "val"))
    assert {name.split("/")[1] for name in some.train.names} == {"a", "b"}
    assert read(tmp_path, max_photos=1000).digest == whole.digest != some.digest


def test_a_share_of_the_training_photos_is_within_any_larger_one_and_leaves_val_and_test_whole(many):
    whole, half, tenth = (read(many, fraction=share) for share in (1.0, 0.5, 0.1))
    sizes = [len(dataset.train) for dataset in (whole, half, tenth)]
    assert sizes == [sizes[0], math.ceil(sizes[0] / 2), math.ceil(sizes[0] / 10)] and sizes[0] > 10
    assert set(tenth.train.hashes) < set(half.train.hashes) < set(whole.train.hashes)
    for part in ("val", "test"):
        assert tenth.part(part).hashes == whole.part(part).hashes
    left_out = {record.sha256 for record in half.manifest.records if record.status == "left out"}
    assert left_out == set(whole.train.hashes) - set(half.train.hashes)
    assert f"{len(left_out)} left out by data.fraction" in " ".join(half.manifest.summary())
    assert len({dataset.digest for dataset in (whole, half, tenth)}) == 3


@pytest.mark.parametrize(
    ("photos", "in_val", "changes", "advised"),
    [
        (40, 0, {"val_fraction": 0.05}, "data.val_fraction=0.3 data.test_fraction=0.0"),
        (150, 0, {"val_fraction": 0.02}, "data.val_fraction=0.1,"),
        (30, 4, {}, "put more photos into val/"),
        (150, 0, {"val_fraction": 0.2}, None),
        (40, 0, {"val_fraction": 0.05, "max_photos": 39}, None),
    ],
)
def test_few_val_photos_are_worth_a_word(photos, in_val, changes, advised, tmp_path, photo):
    for i in range(photos):
        photo(tmp_path / ("train" if in_val else "") / f"{i}.png")
    for i in range(in_val):
        photo(tmp_path / "valid" / f"{i}.png")
    config = DATA.model_copy(update={"root": str(tmp_path), **changes})
    dataset = read_dataset(config)
    lines = advice(config, dataset)
    assert len(lines) == (advised is not None)
    assert all(advised in line and f"{len(dataset.val)} val photos" in line for line in lines)


def test_a_split_folder_that_links_into_another_is_reported(tmp_path, photo):
    for i in range(30):
        photo(tmp_path / "train" / "b" / f"{i}.png")
    for i in range(3):
        photo(tmp_path / "test" / f"{i}.png")
    os.symlink(tmp_path / "train" / "b", tmp_path / "val")
    assert record_of(read(tmp_path), "val").detail == "a link to a folder that is read under another name"


def test_copies_of_what_is_no_photo_count_as_rejected(many):
    for i in range(9):
        (many / f"empty_{i}.jpg").write_bytes(b"")
    with refused("data.max_rejected_fraction.copies"):
        read(many)


def test_the_digest_does_not_depend_on_which_of_two_equal_pictures_comes_first_by_name(many, photo):
    with Image.open(many / "good_00.png") as image:
        image.save(many / "a_copy.png", compress_level=0)
    before = read(many).digest
    (many / "a_copy.png").rename(many / "z_copy.png")
    assert read(many).digest == before


def test_photos_of_any_size_and_shape_go_through(tmp_path):
    rng = np.random.default_rng(3)
    for i in range(60):
        width, height = (int(side) for side in rng.integers(30, 400, 2))
        Image.fromarray(rng.integers(0, 256, (height, width, 3)).astype("uint8")).save(tmp_path / f"{i}.jpg")
    for size in ((112, 112), (144, 176)):
        dataset = read(tmp_path, height=size[0], width=size[1], val_fraction=0.3)
        assert not dataset.manifest.rejected


def test_too_many_rejected_files_stop_the_run_with_their_list(many, tmp_path):
    for i in range(6):
        (many / f"bad_{i}.jpg").write_bytes(b"no photo %d" % i)
    manifest = tmp_path / "out" / "photos.csv"
    with refused("data.max_rejected_fraction.exceeded"):
        read(many, manifest=manifest)
    assert manifest.read_text().count("rejected") == 6
    assert len(read(many, max_rejected_fraction=0.2).manifest.rejected) == 6


def test_a_folder_of_nothing_but_rejected_files_stops_whatever_is_allowed(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    with refused("data.max_rejected_fraction.all", folder=tmp_path):
        read(tmp_path, max_rejected_fraction=1.0)


def test_missing_and_empty_folders_get_one_sentence(tmp_path):
    with refused("data.root.missing"):
        read(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("x")
    with refused("data.root.no_photo", folder=tmp_path):
        read(tmp_path)
    os.symlink(tmp_path / "b", tmp_path / "a")
    os.symlink(tmp_path / "a", tmp_path / "b")
    with pytest.raises(UserError, match="no folder|leads nowhere") as raised:  # which one depends on Python
        read(tmp_path / "a")
    assert raised.value.exit_status == 2
    with refused("data.root.no_path", Refusal) as raised:
        composed(["data=folder", "data.root="])
    assert [problem.key for problem in raised.value.problems] == ["data.root"]
    with refused("data.root.needed"):
        read_dataset(DATA.model_copy(update={"root": None}))


def test_the_digest_is_that_of_the_contents_and_the_settings(many, tmp_path):
    first = read(many)
    shutil.copytree(many, tmp_path / "elsewhere" / "moved")
    for i, path in enumerate(sorted((tmp_path / "elsewhere" / "moved").iterdir())):
        path.rename(path.with_name(f"renamed_{i}.png"))
    again = read(tmp_path / "elsewhere")
    assert again.digest == first.digest and again.test.digest == first.test.digest
    assert read(many, height=10).digest != first.digest
    (many / "good_00.png").unlink()
    assert read(many).digest != first.digest


def test_crop_and_squash(tmp_path):
    marked = np.zeros((24, 80, 3), "uint8")
    marked[:, :16], marked[:, 64:] = (255, 0, 0), (0, 0, 255)  # the sides, which a crop to 12 : 20 cuts off
    for i in range(12):
        marked[:, 40] = (0, 20 * i, 0)
        Image.fromarray(marked).save(tmp_path / f"{i}.png")
    cropped, squashed = (
        read(tmp_path, val_fraction=0.4, test_fraction=0.0, resize_mode="center_crop"),
        read(tmp_path, val_fraction=0.4, test_fraction=0.0, resize_mode="stretch"),
    )
    for dataset in (cropped, squashed):
        assert dataset.train.stored.shape[1:] == (12, 20, 3)
    assert cropped.train.fitted()[..., [0, 2]].max() == 0
    assert squashed.train.fitted()[0, 6, 1, 0] == 255 and squashed.train.fitted()[0, 6, -2, 2] == 255
