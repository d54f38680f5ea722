"""A trace of a few steps (`debug=profile`): what takes their time."""

from pathlib import Path

import keras

from colorize.backend import start_trace, stop_trace
from colorize.runs.layout import PROFILE

WARM_UP = 10
"""Steps before the first that is traced: they compile, and fill what lies between disk and device."""


class Profile(keras.callbacks.Callback):
    """Traces some steps into the folder `profile/` of the run, then asks training to end.

    Args:
        steps: how many; 0: none.
        of_all: steps that the training has: of a short one, the last are traced.
    Attributes:
        is_done: whether they are traced.
    """

    def __init__(self, backend: str, folder: Path, steps: int, of_all: int):
        super().__init__()
        self.backend, self.folder, self.steps = backend, folder / PROFILE, steps
        self.first = max(0, min(WARM_UP, of_all - steps))
        self.is_done, self._seen = False, 0

    def on_train_batch_begin(self, batch, logs=None):
        """Begins the trace."""
        if self.steps and self._seen == self.first:
            start_trace(self.backend, self.folder)

    def on_train_batch_end(self, batch, logs=None):
        """Ends it, when the last of its steps is computed."""
        self._seen += 1
        if self.steps and self._seen == self.first + self.steps:
            float(logs["loss"])  # waits for the device
            stop_trace(self.backend)
            self.is_done = self.model.stop_training = True
