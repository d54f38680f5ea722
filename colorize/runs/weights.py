"""The weights of a model in its file: written whole or not at all, refused where they do not belong.

What a run needs to go on, optimizer and random state included: `checkpoint`.
"""

from pathlib import Path

import keras
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from colorize.config.model import BinsHead
from colorize.config.schema import from_stored, with_temperature
from colorize.errors import UserError
from colorize.models.color_bins import Bins
from colorize.models.colorizer import Colorizer, build_network
from colorize.runs.atomic import difference, write_whole
from colorize.runs.model_file import About, model_path, read_about


def variables_of(colorizer: Colorizer) -> dict[str, keras.Variable]:
    """All weights that painting needs, by name: of the network, and of a backbone beside it."""
    own = {variable.path: variable for variable in colorizer.network.weights}
    backbone = colorizer.backbone.weights if colorizer.backbone else []
    # Not by their names: Keras counts on from network to network in some.
    return own | {f"backbone/{number}": variable for number, variable in enumerate(backbone)}


def save_model(colorizer: Colorizer, path: Path, about: About, half: bool = False) -> None:
    """Writes a model file so that at any moment either the old one is whole or the new one.

    Args:
        half: whether kernels are stored as float16, which changes a painted value by 1 of 255 here and there.
    Raises:
        OSError: the disk is full, or the folder cannot be written; the old file is there.
    """
    arrays = {name: np.ascontiguousarray(variable.numpy()) for name, variable in variables_of(colorizer).items()}
    if half:  # vectors take little space, and statistics of batches may be larger than float16 knows
        arrays = {name: array.astype("float16") if array.ndim > 1 else array for name, array in arrays.items()}
    write_whole(path, save(arrays, about.metadata()))


def load_weights(colorizer: Colorizer, path: Path) -> None:
    """Reads weights.

    Raises:
        UserError: the file is damaged, or holds the weights of another network.
    """
    variables = variables_of(colorizer)
    try:
        arrays = load_file(path)
        for name, array in arrays.items():
            if array.dtype not in (np.float16, np.float32) or not np.isfinite(array).all():
                raise ValueError(f"{name} holds something else than finite numbers in float16 or float32")
        arrays = {name: array.astype("float32") for name, array in arrays.items()}
        reason = difference(arrays, {name: variable.numpy() for name, variable in variables.items()})
        if reason:
            raise ValueError(reason)
    except (OSError, SafetensorError, ValueError) as error:
        raise UserError(f"{path} does not hold the weights of the network that it describes: {error}") from None
    for name, variable in variables.items():
        variable.assign(arrays[name])


def load_colorizer(place: Path, temperature: float | None = None) -> Colorizer:
    """The colorizer in a model file, or in an output folder, with its best weights.

    Args:
        temperature: of a head of bins, another one than it was trained with.
    Raises:
        UserError: there is none, it is damaged, or its head has no temperature.
    """
    path = model_path(place)
    about = read_about(path)
    config = with_temperature(from_stored(about.config, str(path)), temperature)
    if isinstance(config.head, BinsHead) and not about.bins:
        raise UserError(f"{path} is no model file of colorize, or damaged: it has no bins for its head=bins")
    bins = Bins.of_rows(about.bins) if about.bins else None
    colorizer = Colorizer(build_network(config, bins, pretrained=False))
    load_weights(colorizer, path)
    return colorizer
