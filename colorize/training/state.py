"""All that a run must remember to go on as if it had never been stopped.

The arrays are the state tree of Keras: weights, statistics, the state of dropout, optimizer with averages, running
metrics. `.weights.h5` and `.keras` lack some of these. The counters are ours. Order and augmentation of the photos
need no memory: they are a function of seed and step.
"""

import numpy as np
from pydantic import BaseModel, ConfigDict

from colorize.runs.atomic import difference

BEST = "best/"
"""Begins the names of the best weights so far, among the arrays."""


class Counters(BaseModel):
    """How far a run is.

    Attributes:
        step: steps done, over the whole run.
        sample: photos shown, over the whole run; the next batch begins with this one.
        epoch: epochs done.
        step_in_epoch: steps done of the epoch under way.
        best, best_epoch: lowest ab RMSE on val so far, and when it was; None and 0 before the first.
        history: what was logged at the end of each epoch.
        images, seconds_training, seconds_waiting, seconds_tracking, seconds_saving, seconds: for the result.
        step_backs: how often the run has gone back because of NaN.
        config: flat configuration of the run, by which a checkpoint of another one is known.
        data_digest: of the photos.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")

    step: int = 0
    sample: int = 0
    epoch: int = 0
    step_in_epoch: int = 0
    best: float | None = None
    best_epoch: int = 0
    history: list[dict[str, int | float]] = []
    images: int = 0
    seconds_training: float = 0.0
    seconds_waiting: float = 0.0
    seconds_tracking: float = 0.0
    seconds_saving: float = 0.0
    seconds: float = 0.0
    step_backs: int = 0
    config: dict = {}
    data_digest: str = ""


def take(learner) -> dict[str, np.ndarray]:
    """The whole state of a compiled `Learner` and its optimizer, by name; also in the middle of `fit`."""
    sync(learner)
    return dict(_flat(learner.get_state_tree(value_format="numpy_array")))


def sync(learner) -> None:
    """Gives the variables of a model in training their values: on JAX they are empty between two steps."""
    if hasattr(learner, "jax_state_sync"):
        learner.jax_state_sync()


def restore(learner, arrays: dict[str, np.ndarray]) -> None:
    """Sets the state of a learner; the best weights among the arrays are passed over.

    Raises:
        ValueError: they are of another network; nothing was changed.
    """
    arrays = without_best(arrays)
    reason = difference(arrays, take(learner))
    if reason:
        raise ValueError(reason)
    tree: dict = {}
    for name, array in arrays.items():
        *parents, last = name.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = np.array(array)  # a copy: JAX gives the memory of what it is handed away
    learner.set_state_tree(tree)


def without_best(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state alone."""
    return {name: array for name, array in arrays.items() if not name.startswith(BEST)}


def _flat(tree: dict, prefix: str = ""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", np.asarray(value)
