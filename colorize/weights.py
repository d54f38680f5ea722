"""The weights of a model on disk: written whole or not at all, refused where they do not belong.

What a run needs to go on, optimizer and random state included: `checkpoint`.
"""

import io
import warnings
from pathlib import Path

import h5py
import keras

from colorize.config import BinsHead
from colorize.errors import UserError
from colorize.files import write_whole
from colorize.models.bins import read_bins
from colorize.models.colorizer import Colorizer, build_network
from colorize.run_folder import BEST, BINS, CONFIG, read_config, with_temperature


class _Memory(io.BytesIO):
    """A file in memory: on a disk that is full, HDF5 ends the whole process (HDF5 1.14, segmentation fault)."""

    def __str__(self) -> str:
        return "memory.weights.h5"  # Keras looks at how the name ends


def save_weights(network: keras.Model, path: Path) -> None:
    """Writes weights so that at any moment either the old file is whole or the new one.

    Raises:
        OSError: the disk is full, or the folder cannot be written; the old file is there.
    """
    memory = _Memory()
    network.save_weights(memory)
    write_whole(path, memory.getvalue())


def load_weights(network: keras.Model, path: Path) -> None:
    """Reads weights.

    Raises:
        UserError: the file is damaged, or holds the weights of another network.
    """
    try:
        _check_plain(path)
        with warnings.catch_warnings():  # Keras only warns where it finds no weights for a layer, and leaves it random
            warnings.simplefilter("error", UserWarning)
            network.load_weights(path)
        stored, expected = _parameters_in(path), network.count_params()
        if stored != expected:  # Keras passes over what a file has too much
            raise ValueError(f"it has {stored:,} parameters, the network {expected:,}")
    except (OSError, ValueError, KeyError, UserWarning) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{path} does not hold the weights of the network in {CONFIG} beside it: {reason}") from None


def _check_plain(path: Path) -> None:
    """HDF5 can let a file borrow from any other of this machine; a stranger's could so show what it reads there."""

    def check(group: h5py.Group) -> None:
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{name} is a link to elsewhere")
            item = group[name]
            if isinstance(item, h5py.Group):
                check(item)
            elif item.external or item.is_virtual:
                raise ValueError(f"{name} lies in another file")

    with h5py.File(path) as file:
        check(file)


def _parameters_in(path: Path) -> int:
    total = 0

    def add(name: str, item) -> None:
        nonlocal total
        if isinstance(item, h5py.Dataset) and "seed_generator" not in name:  # the state of dropout is no parameter
            total += item.size

    with h5py.File(path) as file:
        file.visititems(add)
    return total


def load_colorizer(folder: Path, temperature: float | None = None) -> Colorizer:
    """The colorizer of a finished run with its best weights.

    Args:
        temperature: of a head of bins, another one than it was trained with.
    Raises:
        UserError: there is no run in the folder, its weights are damaged, or its head has no temperature.
    """
    config = with_temperature(read_config(folder), temperature)
    bins = read_bins(folder / BINS) if isinstance(config.head, BinsHead) else None
    network = build_network(config, bins)
    load_weights(network.model, folder / BEST)
    return Colorizer(network)
