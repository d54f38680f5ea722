"""Values of variables: read, lent and given back; the averaged weights among them."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

from colorize.compat import moving_averages


@contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Within the context the model has its averaged weights; afterwards its own again, bit for bit."""
    optimizer = model.optimizer
    if not optimizer.use_ema:
        yield
        return
    averages = [variable.numpy() for variable in moving_averages(optimizer)]
    with holding(model.trainable_variables, averages):
        yield


@contextmanager
def holding(variables: list, values: list) -> Iterator[None]:
    """Within the context variables have other values; afterwards their own again, bit for bit."""
    # Copies, both ways: on JAX an assigned array is shared, and the step that is compiled next gives its buffer away.
    own = [_copy(variable.numpy()) for variable in variables]
    for variable, value in zip(variables, values):
        variable.assign(_copy(value))
    try:
        yield
    finally:
        for variable, value in zip(variables, own):
            variable.assign(value)


def values_of(variables: list) -> dict[str, np.ndarray]:
    """A copy of the values of some variables, by name."""
    return {variable.path: _copy(variable.numpy()) for variable in variables}


def _copy(value) -> np.ndarray:
    return np.array(value, copy=True)
