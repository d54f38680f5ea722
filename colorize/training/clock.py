"""The place of a training in its run, step by step, and what must happen at it."""

import time
from collections.abc import Callable

import keras
import numpy as np

from colorize.compat import micro_steps
from colorize.config.training import Trainer
from colorize.data.batches import Batches
from colorize.distribution.processes import ALONE, Processes
from colorize.training.callbacks import SHOWN_EVERY, Reader
from colorize.training.learner import OF_STEP, Learner
from colorize.training.signals import StopSignals
from colorize.training.state import TrainState, sync

LOOK_EVERY = 5
"""Steps after which several processes look how things stand, all at the same one."""


class Clock(keras.callbacks.CallbackList):
    """Counts steps and epochs, lets no epoch end that is not whole, and says when to save.

    Args:
        state: whose steps and epochs are counted.
        save: saves a checkpoint.
        seconds: of the run so far, over all its processes.
        together: processes that train together.
    Attributes:
        is_over_budget: whether the run has taken all the minutes that it may.
        signal: that came to one of the processes; as `is_over_budget`, of the last time that `must_end` looked.
        halted: whether the optimizer was found halted: the step after `step` was not finite.
        metrics: values of the running metrics of an epoch that goes on in its middle.
    """

    def __init__(
        self, callbacks: list, state: TrainState, learner: Learner, batches: Batches, trainer: Trainer,
        signals: StopSignals, save: Callable[[], None], seconds: Callable[[], float],
        together: Processes = ALONE,
    ):  # fmt: skip
        super().__init__(callbacks, add_history=True, model=learner)
        self.state, self.learner, self.batches, self.trainer = state, learner, batches, trainer
        self.signals, self.save, self.seconds, self.together = signals, save, seconds, together
        self.halted = self.is_over_budget = False
        self.signal: int | None = None
        self.metrics: list[np.ndarray] = []
        self._looked = 0.0
        self._earlier: dict = {}

    def on_epoch_begin(self, epoch, logs=None):
        """Gives back the running metrics of an epoch that goes on: Keras has just forgotten them."""
        for variable, value in zip(self.learner.metrics_variables, self.metrics):
            variable.assign(value)
        self.metrics, self._earlier = [], {}
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_end(self, batch, logs=None):
        """Counts the step, and ends training after it where a signal came or the optimizer halted."""
        self._advance(1)
        every = self.trainer.checkpoint.every_steps
        is_due = every and self.state.step % every == 0 and self.state.step_in_epoch < self.batches.steps_per_epoch
        if is_due:
            self._look(logs)
        elif self._earlier and self._is_time:
            self._look(self._earlier)  # the device has this step to do meanwhile
        self._earlier = logs
        if self.halted:
            return
        for callback in self.callbacks:  # Keras's list would read all values first, and each step wait for the device
            callback.on_train_batch_end(batch, logs)
        if is_due:
            self.save()
        if (self.together.number == 1 or self._is_time) and self.must_end():
            self.learner.stop_training = True

    @property
    def _is_time(self) -> bool:
        """Whether to look how things stand: twice a second; of several processes, all after the same steps."""
        if self.together.number > 1:
            return self.state.step % LOOK_EVERY == 0
        return time.perf_counter() - self._looked > SHOWN_EVERY

    def must_end(self) -> bool:
        """Whether a signal came or the minutes are over; in one of several processes means in all of them."""
        minutes = self.trainer.max_minutes
        is_over = minutes is not None and self.state.step > 0 and self.seconds() >= 60 * minutes
        self.is_over_budget = bool(self.together.greatest(is_over))
        self.signal = self.together.greatest(self.signals.received or 0) or None
        if self.signal and self.signals.received is None:
            self.signals.received = self.signal
        return self.is_over_budget or self.signal is not None

    @property
    def is_out_of_patience(self) -> bool:
        """Whether the last epochs were no better than one before them."""
        patience = self.trainer.patience
        return patience is not None and self.state.epoch - self.state.best_epoch >= patience

    def _advance(self, steps: int) -> None:
        self.state.step += steps
        self.state.step_in_epoch += steps
        self.state.sample += steps * self.batches.batch_size

    def _look(self, logs) -> None:
        """Reads what a step returned, for all who show it, and notices a halt: later steps did nothing, and are not
        counted."""
        self._looked = time.perf_counter()
        if self.halted:
            return
        if int(logs["halted"]):
            self.halted = self.learner.stop_training = True
            sync(self.learner)
            self._advance(int(micro_steps(self.learner.optimizer).numpy()) - self.state.step)
            return
        for callback in self.callbacks:
            if isinstance(callback, Reader):
                callback.read(logs)

    def on_epoch_end(self, epoch, logs):
        """Passes the end on, where the epoch is whole."""
        self._look(logs)
        for name in [name for name in logs if name == "halted" or name.startswith(OF_STEP)]:
            del logs[name]
        if self.halted or self.state.step_in_epoch < self.batches.steps_per_epoch:
            return
        self.state.epoch, self.state.step_in_epoch = self.state.epoch + 1, 0
        super().on_epoch_end(epoch, logs)
        is_due = self.state.epoch % self.trainer.checkpoint.every_epochs == 0 or self.state.epoch == self.trainer.epochs
        if is_due and not self.learner.stop_training:
            self.save()
        if self.must_end() or self.is_out_of_patience:
            self.learner.stop_training = True
