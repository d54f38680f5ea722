"""The sheet of a training: which epochs it shows, and where each picture lies."""

import numpy as np
import pytest
from PIL import Image

from colorize.image_grid import colorize_lightness, in_grey
from colorize.training.contact_sheet import ContactSheet

pytestmark = pytest.mark.once
HEIGHT, WIDTH, GAP, HEADER = 20, 48, 4, 18


def cell(picture, row, column):
    top, left = HEADER + row * (HEIGHT + GAP), column * (WIDTH + GAP)
    return np.asarray(picture.crop((left, top, left + WIDTH, top + HEIGHT)))


def test_each_picture_lies_in_the_row_of_its_photo_and_the_column_of_its_epoch(noise, tmp_path):
    rgb = noise(2, HEIGHT, WIDTH)
    ab = {epoch: np.full((2, HEIGHT, WIDTH, 2), 10.0 * epoch, "float32") for epoch in (0, 1, 3)}
    for epoch in (0, 1, 3, 1):  # the second is done twice, as after a failure
        ContactSheet(tmp_path / "sheet.png").add(epoch, rgb, ab[epoch])
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.size == (5 * (WIDTH + GAP) - GAP, HEADER + 2 * (HEIGHT + GAP) - GAP)
        expected = [in_grey(rgb), *[colorize_lightness(rgb, own) for own in ab.values()], rgb]
        for column, pictures in enumerate(expected):
            for row in (0, 1):
                assert np.array_equal(cell(picture, row, column), pictures[row]), (row, column)
        header = np.asarray(picture)[:HEADER]
        assert all((header[:, c * (WIDTH + GAP) :][:, :WIDTH] < 128).any() for c in range(5)), "a name above each"


def test_of_many_epochs_some_are_shown_the_first_and_the_last_among_them(noise, tmp_path):
    rgb = noise(1, 8, 16)
    sheet = ContactSheet(tmp_path / "sheet.png")
    for epoch in range(31):
        sheet.add(epoch, rgb, np.zeros((1, 8, 16, 2), "float32"))
    shown = [int(path.stem) for path in sheet._shown()]
    assert shown[0] == 0 and shown[-1] == 30 and len(shown) == 10
    assert set(np.diff(shown)) <= {3, 4}
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.width == 12 * (16 + GAP) - GAP


def test_epochs_at_which_other_photos_were_painted_are_left_out(noise, tmp_path):
    sheet = ContactSheet(tmp_path / "sheet.png")
    for epoch, number in enumerate((3, 3, 2)):
        sheet.add(epoch, noise(number, 8, 16), np.zeros((number, 8, 16, 2), "float32"))
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.size == (3 * (16 + GAP) - GAP, HEADER + 2 * (8 + GAP) - GAP)


def test_large_photos_are_shown_small(noise, tmp_path):
    ContactSheet(tmp_path / "sheet.png").add(0, noise(1, 240, 320), np.zeros((1, 240, 320, 2), "float32"))
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.size == (3 * (160 + GAP) - GAP, HEADER + 120)
