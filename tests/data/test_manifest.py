"""What became of each file, in words."""

import os
import shutil

import pytest
from folders import read, record_of
from PIL import Image

from colorize.errors import printable

pytestmark = pytest.mark.once


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
