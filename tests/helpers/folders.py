"""Folders of photos, read at a small size."""

import shutil

from colorize.config.compose import composed
from colorize.data.load import read_dataset

DATA = composed(["data=folder", "data.root=x", "data.height=12", "data.width=20"], combinations=False).data


def read(root, test=True, manifest=None, **changes):
    return read_dataset(DATA.model_copy(update={"root": str(root), **changes}), test, manifest)


def record_of(dataset, name):
    return next(record for record in dataset.manifest.records if record.name == name)


def copied(paths, *folders):
    """Copies photos into folders that are made, in turn."""
    for folder in folders:
        folder.mkdir(parents=True)
    for number, path in enumerate(paths):
        shutil.copy(path, folders[number % len(folders)])
