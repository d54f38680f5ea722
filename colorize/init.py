"""Beginning with the weights of another run, where they fit."""

from pathlib import Path

import keras

from colorize.errors import UserError, listed
from colorize.optimizer import values_of
from colorize.weights import load_colorizer


def take_weights(network: keras.Model, folder: Path) -> str:
    """Gives a network the best weights of the run in a folder, each that has its name and its shape there.

    The network of that run is built from its configuration, and its weights are read into it: nothing else of the
    folder is trusted. (So the names are those that our own code gives.)

    Returns:
        what fitted and what did not, for the screen.
    Raises:
        UserError: there is no model in the folder, or none of its weights fits.
    """
    try:
        given = values_of(load_colorizer(folder).network.weights)
    except UserError as error:
        raise UserError(f"init: {error}") from None
    fitting = [v for v in network.weights if v.path in given and given[v.path].shape == tuple(v.shape)]
    if not fitting:
        raise UserError(f"init={folder}: none of its {len(given)} weights has name and shape of one of this network")
    for variable in fitting:
        variable.assign(given[variable.path])
    taken, total = [sum(v.numpy().size for v in variables) for variables in (fitting, network.weights)]
    names = {variable.path for variable in fitting}
    left = [_why(variable, given) for variable in network.weights if variable.path not in names]
    rest = f"; at random stay {listed(left)}" if left else ""
    return (
        f"init: {len(fitting)} of {len(network.weights)} weights come from {folder} ({taken / total:.1%} of the"
        f" parameters){rest}"
    )


def _why(variable, given: dict) -> str:
    if variable.path not in given:
        return f"{variable.path} (not there)"
    return f"{variable.path} ({given[variable.path].shape} there, {tuple(variable.shape)} here)"
