"""Names of other libraries that are not public, each in one place; `tests/test_compat.py` fails where one goes away.

Nothing is imported here that its users would not import anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = [
    "STATE_ON_JAX",
    "flat_layers",
    "hydras_arguments",
    "inputs_of",
    "micro_steps",
    "mlflow_entity",
    "moving_averages",
    "node_of",
    "outputs_of",
    "variable_key",
]

STATE_ON_JAX = "_jax_state"
"""The attribute in which Keras keeps on JAX what a training step returned; set anew at each."""


def hydras_arguments():
    """Hydra's own parser of a command line: never a second opinion."""
    from hydra._internal.utils import get_args_parser

    return get_args_parser()


def node_of(config: DictConfig, key: str):
    """What is at a key, without an error where it is missing or cannot be resolved."""
    return config._get_node(key)


def flat_layers(model) -> list:
    """All layers of a Keras model, those within others too."""
    return list(model._flatten_layers())


def inputs_of(layer) -> list:
    """The tensors that a Keras layer was applied to first; of a model within a model, those of the outer one."""
    return list(layer._inbound_nodes[0].input_tensors)


def outputs_of(layer) -> list:
    """The tensors that it returned then."""
    return list(layer._inbound_nodes[0].output_tensors)


def micro_steps(optimizer):
    """The variable in which a Keras optimizer counts its calls; `iterations` counts those that moved weights."""
    return optimizer._iterations


def moving_averages(optimizer) -> list:
    """The averages that a Keras optimizer keeps with `use_ema`, in the order of the variables it was built for."""
    return optimizer._model_variables_moving_average


def variable_key(optimizer, variable):
    """By which a Keras optimizer knows a variable, be it Keras's or the backend's own."""
    return optimizer._var_key(variable)


def mlflow_entity(dataset):
    """A dataset of MLflow's as its client logs it, without a run being active."""
    return dataset._to_mlflow_entity()
