"""A folder of anything becomes a data set, and every file gets its status."""

import hashlib
import os
import shutil
from collections import Counter

import numpy as np
import pytest
from messages import refused
from PIL import Image

from colorize.config.compose import composed
from colorize.config.messages import Refusal
from colorize.data import decode_pool, scan
from colorize.data.load import read_dataset
from colorize.data.manifest import printable
from colorize.data.split import by_content
from colorize.errors import UserError

pytestmark = pytest.mark.once

DATA = composed(["data=folder", "data.root=x", "data.height=12", "data.width=20"], combinations=False).data


def read(root, test=True, manifest=None, **changes):
    return read_dataset(DATA.model_copy(update={"root": str(root), **changes}), test, manifest)


def record_of(dataset, name):
    return next(record for record in dataset.manifest.records if record.name == name)


@pytest.fixture
def photo(noise):
    """Writes a photo that no other file has, at a path."""
    made = []

    def write(path, size=(24, 40), mode="RGB", **options):
        made.append(path)
        pixels = np.random.default_rng(len(made)).integers(0, 256, (*size, 3)).astype("uint8")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).convert(mode).save(path, **options)
        return path

    return write


@pytest.fixture
def many(tmp_path, photo):
    """A folder with thirty good photos, so that a part of the split is never empty."""
    for i in range(30):
        photo(tmp_path / "photos" / f"good_{i:02}.png")
    return tmp_path / "photos"


HOSTILE = {
    "empty.jpg": (b"", "empty file"),
    "text.jpg": (b"hello, I am no photo", "not a photo of a known format"),
    "gif.png": (b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;", "not a photo"),
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


def test_a_verdict_says_what_was_converted(many, photo):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(many / "turned.jpg", exif=exif)
    photo(many / "alpha.png", mode="RGBA")
    photo(many / "ink.tif", mode="CMYK")
    dataset = read(many)
    expected = {"turned.jpg": "turned by EXIF", "alpha.png": "alpha on white", "ink.tif": "from mode CMYK"}
    for name, words in expected.items():
        assert record_of(dataset, name).status == "converted" and words in record_of(dataset, name).detail
    assert "33 of 33 files used, 3 of them converted" in dataset.manifest.summary()[0]


def test_exactly_grey_photos_are_left_out_of_training_only(many, photo):
    for i in range(20):
        photo(many / f"grey_{i}.png", mode="L")
    dataset, kept = read(many), read(many, drop_grayscale=False)
    greys = [record for record in dataset.manifest.records if record.name.startswith("grey")]
    dropped = [record for record in greys if record.status == "grey"]
    assert dropped and {v.split for v in dropped} == {"train"} and len(dropped) == len(dataset.grey)
    assert len(kept.train) == len(dataset.train) + len(dropped) and len(kept.grey) == 0
    assert kept.val.hashes == dataset.val.hashes and kept.test.hashes == dataset.test.hashes
    assert len(dataset.known_before("val")) == len(kept.train)
    assert len(dataset.known_before("test")) == len(kept.train) + len(kept.val)
    assert any(f"{len(dropped)} exactly grey" in line for line in dataset.manifest.summary())


def test_nearly_grey_is_not_grey():
    pixels = np.full((5, 7, 3), 90, "uint8")
    assert decode_pool.is_grey(pixels)
    for place in ((0, 0, 0), (4, 6, 1), (2, 3, 2)):
        changed = pixels.copy()
        changed[place] += 1
        assert not decode_pool.is_grey(changed)


@pytest.mark.parametrize("name", ["val", "valid", "Validation"])
def test_folders_are_the_split_where_there_are_some(name, tmp_path, photo):
    for part, number in (("train", 5), (name, 3), ("test", 2)):
        for i in range(number):
            photo(tmp_path / part / "deeper" / f"{i}.png")
    photo(tmp_path / "elsewhere" / "stray.png")
    dataset = read(tmp_path, max_rejected_fraction=0.5)
    assert [len(dataset.part(part)) for part in ("train", "val", "test")] == [5, 3, 2]
    assert all(file.startswith("test/") for file in dataset.test.names)
    assert record_of(dataset, "elsewhere/stray.png").detail.startswith("outside of the folders of the split")


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


def test_a_folder_that_happens_to_be_called_train_is_no_split(tmp_path, photo):
    for name in ("train", "bus"):
        for i in range(15):
            photo(tmp_path / name / f"{i}.png")
    dataset = read(tmp_path, val_fraction=0.3)
    assert {file.partition("/")[0] for file in dataset.train.names} == {"train", "bus"}


def test_shares_by_content_are_about_those_asked_for():
    hashes = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(4000)]
    counts = Counter(by_content(h, {"val": 0.1, "test": 0.25}) for h in hashes)
    assert abs(counts["val"] / 4000 - 0.1) < 0.02 and abs(counts["test"] / 4000 - 0.25) < 0.03
    assert by_content("0" * 64, {"val": 0.0, "test": 0.1}) == "test" and by_content("f" * 64, {"val": 0.9}) == "train"


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


def test_odd_names_go_through_all_of_it(many, photo, tmp_path):
    odd = ["line\nbreak.png", "quote\"s, 'and' commas.png", "ünïcödé 漢字.png", "trailing .png"]
    odd += ["-dash.png", "[b]red[/b].png"]
    for name in odd:
        photo(many / name)
    not_utf8 = os.fsdecode(b"latin\xe4.png")
    shutil.copy(photo(many / "plain.png"), many / not_utf8)
    (many / "plain.png").unlink()
    manifest = tmp_path / "out" / "photos.csv"
    dataset = read(many, manifest=manifest)
    assert all(record_of(dataset, name).status == "used" for name in [*odd, not_utf8])
    assert "latin\\xe4.png" in printable(not_utf8) or "latin\\udce4.png" in printable(not_utf8)
    assert printable("line\nbreak.png") == "line\\nbreak.png"
    assert "漢字" in manifest.read_text(encoding="utf-8") and 'quote""s' in manifest.read_text(encoding="utf-8")


def test_hidden_files_are_passed_over_and_unread_kinds_are_reported(many, photo):
    photo(many / ".thumbnails" / "small.png")
    (many / "._good_00.png").write_bytes(b"of a Mac")
    (many / "phone.heic").write_bytes(b"x")
    (many / "notes.txt").write_text("x")
    dataset = read(many)
    assert len(dataset.manifest.records) == 30
    assert dataset.manifest.summary()[1:] == ["not read: 1 .heic"]


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
        read(tmp_path, val_fraction=0.4, test=0.0, resize_mode="center_crop"),
        read(tmp_path, val_fraction=0.4, test_fraction=0.0, resize_mode="stretch"),
    )
    for dataset in (cropped, squashed):
        assert dataset.train.stored.shape[1:] == (12, 20, 3)
    assert cropped.train.fitted()[..., [0, 2]].max() == 0
    assert squashed.train.fitted()[0, 6, 1, 0] == 255 and squashed.train.fitted()[0, 6, -2, 2] == 255


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
