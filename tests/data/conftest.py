"""Photos and folders of photos, made here."""

import hashlib

import numpy as np
import pytest
from PIL import Image
from sampling import SMALL, data

from colorize.data.load import read_dataset


@pytest.fixture
def photos(photo_folder):
    return read_dataset(data(root=str(photo_folder), val_fraction=0.3, **SMALL)).train


@pytest.fixture
def files(tmp_path):
    """Path and SHA-256 of eight photos and one text."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(8):
        pixels = np.random.default_rng(i).integers(0, 256, (24, 40, 3)).astype("uint8")
        Image.fromarray(pixels).save(folder / f"{i}.png")
    (folder / "text.jpg").write_text("no photo")
    return [(str(path), hashlib.sha256(path.read_bytes()).hexdigest()) for path in sorted(folder.iterdir())]


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
