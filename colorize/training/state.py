"""All that a run must remember to go on as if it had never been stopped.

Order and augmentation of the photos need no memory: they are a function of seed and step.
"""

from __future__ import annotations

import hashlib
from math import inf
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from colorize.runs.atomic import difference
from colorize.training.resume import refused

Arrays = dict[str, np.ndarray]


class TrainState(BaseModel):
    """The state of a run. What the loop and the callbacks must not forget they keep here, and nowhere else.

    A field that is added is saved with every checkpoint and comes back with it: numbers, text, lists and dicts of them,
    an array, or a dict of arrays. It needs a default, for the first step.

    Args:
        learner: a compiled `Learner`; its weights, statistics, optimizer with averages, running metrics and random
            seeds belong to the state. (Keras's `.weights.h5` and `.keras` lack some of these.)
    Attributes:
        step: steps done, over the whole run.
        sample: photos shown, over the whole run; the next batch begins with this one.
        epoch: epochs done.
        step_in_epoch: steps done of the epoch under way.
        best, best_epoch: lowest ab RMSE on val so far, and when it was; inf and 0 before the first.
        best_weights: of the network then, by name.
        history: what was logged at the end of each epoch.
        images, seconds_training, seconds_waiting: photos shown, and the seconds that took; what evaluating and painting
            took is in neither.
        seconds_tracking, seconds_saving, seconds: of the run, over all processes.
        loss_before: of the one batch of `debug=overfit`, before the first step.
        rollbacks: how often the run has gone back because of NaN.
        config: flat configuration of the run, by which a checkpoint of another one is known.
        data_digest: of the photos.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    step: int = 0
    sample: int = 0
    epoch: int = 0
    step_in_epoch: int = 0
    best: float = inf
    best_epoch: int = 0
    best_weights: Arrays = {}
    history: list[dict[str, int | float]] = []
    images: int = 0
    seconds_training: float = 0.0
    seconds_waiting: float = 0.0
    seconds_tracking: float = 0.0
    seconds_saving: float = 0.0
    seconds: float = 0.0
    rollbacks: int = 0
    loss_before: float = 0.0
    config: dict = {}
    data_digest: str = ""
    _learner: Any = PrivateAttr(None)

    def __init__(self, learner=None, /, **fields):
        super().__init__(**fields)
        self._learner = learner

    def state_dict(self) -> dict[str, Any]:
        """Everything by name, also in the middle of `fit`; of an array in a dict, the name is FIELD/KEY."""
        values: dict[str, Any] = {} if self._learner is None else arrays_of(self._learner)
        for name, value in self.model_dump().items():
            if isinstance(value, dict) and any(isinstance(one, np.ndarray) for one in value.values()):
                values |= {f"{name}/{key}": array for key, array in value.items()}
            else:
                values[name] = value
        return values

    def load_state_dict(self, values: dict[str, Any]) -> None:
        """Takes up what `state_dict` gave.

        Raises:
            ValueError: they are of another network, or have other fields; nothing was changed.
        """
        fields, arrays = self._parts(values)
        loaded = type(self).model_validate(fields)
        if self._learner is not None:
            set_arrays(self._learner, arrays)
        for name in type(self).model_fields:
            setattr(self, name, getattr(loaded, name))

    def misfit(self, values: dict[str, Any]) -> str | None:
        """Why values are not of this run or of another network, in one line; None where they fit."""
        fields, arrays = self._parts(values)
        try:
            found = type(self).model_validate(fields)
        except ValidationError as error:
            return f"it is no checkpoint of colorize: {error.error_count()} of its fields are wrong"
        other = refused(found.config, self.config)
        if other:
            return f"it is of another run: {other[0]}"
        if found.data_digest != self.data_digest:
            return f"it is of a run with other photos: digest {found.data_digest}, here {self.data_digest}"
        return difference(arrays, arrays_of(self._learner))

    @classmethod
    def _parts(cls, values: dict[str, Any]) -> tuple[dict[str, Any], Arrays]:
        """The fields, and the arrays of the learner."""
        fields: dict[str, Any] = {}
        arrays: Arrays = {}
        for name, value in values.items():
            field, _, key = name.partition("/")
            if not isinstance(value, np.ndarray):
                fields[name] = value
            elif field not in cls.model_fields:
                arrays[name] = value
            elif key:
                fields.setdefault(field, {})[key] = value
            else:
                fields[field] = value
        return fields, arrays


def digest_of_state(state: dict) -> str:
    """A short name for what a checkpoint holds."""
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        digest.update(name.encode())
        digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return digest.hexdigest()[:16]


def arrays_of(learner) -> Arrays:
    """All variables of a compiled `Learner` and its optimizer, by their names in Keras's state tree."""
    sync(learner)
    return dict(_flat(learner.get_state_tree(value_format="numpy_array")))


def sync(learner) -> None:
    """Gives the variables of a model in training their values: on JAX they are empty between two steps."""
    if hasattr(learner, "jax_state_sync"):
        learner.jax_state_sync()


def set_arrays(learner, arrays: Arrays) -> None:
    """Sets all variables of a learner.

    Raises:
        ValueError: the arrays are of another network; nothing was changed.
    """
    reason = difference(arrays, arrays_of(learner))
    if reason:
        raise ValueError(reason)
    tree: dict = {}
    for name, array in sorted(arrays.items()):  # several processes set them one by one, all in the same order
        *parents, last = name.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = np.array(array)  # a copy: JAX gives the memory of what it is handed away
    learner.set_state_tree(tree)


def _flat(tree: dict, prefix: str = ""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", np.asarray(value)
