"""Names of other libraries that are not public, each in one place; `tests/test_compat.py` fails where one goes away.

Nothing is imported here that its users would not import anyway.
"""

from hydra._internal.utils import get_args_parser as hydras_arguments  # Hydra's own parser: never a second opinion
from omegaconf import DictConfig

__all__ = ["flat_layers", "hydras_arguments", "mlflow_entity", "moving_averages", "node_of", "variable_key"]


def node_of(config: DictConfig, key: str):
    """What is at a key, without an error where it is missing or cannot be resolved."""
    return config._get_node(key)


def flat_layers(model) -> list:
    """All layers of a Keras model, those within others too."""
    return list(model._flatten_layers())


def moving_averages(optimizer) -> list:
    """The averages that a Keras optimizer keeps with `use_ema`, in the order of the variables it was built for."""
    return optimizer._model_variables_moving_average


def variable_key(optimizer, variable):
    """By which a Keras optimizer knows a variable, be it Keras's or the backend's own."""
    return optimizer._var_key(variable)


def mlflow_entity(dataset):
    """A dataset of MLflow's as its client logs it, without a run being active."""
    return dataset._to_mlflow_entity()
