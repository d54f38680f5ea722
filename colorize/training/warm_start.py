"""Beginning with the weights of another model, where they fit."""

import keras

from colorize.errors import UserError, listed
from colorize.runs.model_file import init_path
from colorize.runs.weights import load_colorizer
from colorize.training.variables import values_of


def take_weights(network: keras.Model, init: str) -> str:
    """Gives a network the weights of a model, each that has its name and its shape there.

    The network of that model is built from its configuration, and its weights are read into it: nothing else of it is
    trusted. (So the names are those that our own code gives.)

    Args:
        init: see `model_file.init_path`.

    Returns:
        what fitted and what did not, for the screen.
    Raises:
        UserError: there is no such model, or none of its weights fits.
    """
    try:
        given = values_of(load_colorizer(init_path(init)).network.weights)
    except UserError as error:
        raise UserError(f"init: {error}") from None
    fitting = [v for v in network.weights if v.path in given and given[v.path].shape == tuple(v.shape)]
    if not fitting:
        raise UserError(f"init={init}: none of its {len(given)} weights has name and shape of one of this network")
    for variable in fitting:
        variable.assign(given[variable.path])
    taken, total = [sum(v.numpy().size for v in variables) for variables in (fitting, network.weights)]
    names = {variable.path for variable in fitting}
    left = [_why(variable, given) for variable in network.weights if variable.path not in names]
    rest = f"; at random stay {listed(left)}" if left else ""
    return (
        f"init: {len(fitting)} of {len(network.weights)} weights come from {init} ({taken / total:.1%} of the"
        f" parameters){rest}"
    )


def _why(variable, given: dict) -> str:
    if variable.path not in given:
        return f"{variable.path} (not there)"
    return f"{variable.path} ({given[variable.path].shape} there, {tuple(variable.shape)} here)"
