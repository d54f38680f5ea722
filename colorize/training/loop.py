"""From the first step to the last: epochs, checkpoints, stopping, stepping back, going on where a run was left.

Keras trains in parts, each of which ends at the end of an epoch: the rest of the epoch under way, then all others.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from colorize.backend import Device
from colorize.compat import micro_steps
from colorize.config.schema import Config
from colorize.console import say
from colorize.data.batches import Batches
from colorize.data.loader import Loader
from colorize.distribution.devices import feed
from colorize.errors import UserError, first_line, listed
from colorize.runs.atomic import WriteErrors
from colorize.runs.layout import CHECKPOINTS, LAST, resume_command, way_on
from colorize.runs.model_file import MODEL
from colorize.tracking.tracker import Tracker
from colorize.training.callbacks import Curves, Screen, Speed, Validation
from colorize.training.checkpoint import Checkpoints, State
from colorize.training.clock import Clock
from colorize.training.learner import Learner
from colorize.training.not_finite import first_not_finite
from colorize.training.profile import Profile
from colorize.training.signals import StopSignals
from colorize.training.state import TrainState
from colorize.training.step_curves import StepCurves
from colorize.training.variables import averaged_weights, values_of

CHECKPOINT = "a checkpoint"

NOT_TAKEN_BACK = ("rollbacks", "seconds", "seconds_tracking", "seconds_saving")
"""Of the state: a rollback leaves these as they are."""


class TrainingLoop:
    """The training of one run.

    Args:
        state: all that must not be forgotten.
        learner: compiled.
        started: `time.perf_counter()` at the start of the program.
    """

    def __init__(
        self, config: Config, state: TrainState, learner: Learner, batches: Batches, validation: Validation,
        folder: Path, device: Device, tracker: Tracker, signals: StopSignals, write_errors: WriteErrors,
        console: Console, started: float,
    ):  # fmt: skip
        self.config, self.state, self.learner, self.batches = config, state, learner, batches
        self.folder, self.device, self.tracker, self.signals = folder, device, tracker, signals
        self.write_errors, self.console = write_errors, console
        self._seconds_counted, self._tracking_counted = started, 0.0
        trainer = config.trainer
        self.checkpoints = Checkpoints(folder / CHECKPOINTS, trainer.checkpoint.keep)
        self.speed, self.validation = Speed(state), validation
        self.screen = Screen(state, console, trainer.epochs, batches.steps_per_epoch)
        self.step_curves = StepCurves(state, tracker, device, getattr(config.tracking, "every_steps", None))
        of_all = trainer.epochs * batches.steps_per_epoch
        self.profile = Profile(config.backend, folder, trainer.profile_steps, of_all)
        curves = Curves(state, tracker, folder, write_errors)
        callbacks = [self.profile, self.speed, self.step_curves, validation, curves, self.screen]
        at = state, learner, batches, trainer, signals, self.save, self.seconds, device.processes
        self.clock = Clock(callbacks, *at)
        self._saved_step = -1
        self.after_steps: Callable[[], object] = lambda: None
        """Called when nothing follows that other processes would wait for."""

    def run(self) -> None:
        """Trains to the end or to the first signal, and keeps the state and the last weights either way.

        Raises:
            Stopped: a signal came.
            UserError: the loss was not finite, a batch could not be gathered, checkpoints could not be written.
        """
        self.signals.deferred = True
        if self.state.step == 0:
            self.validation.visualize_start()
            self.save()
            with self.write_errors.tolerate(LAST):  # what the run begins with, its bins among it
                self.validation.save_model(self.folder / LAST)
        try:
            while not self._must_stop() and not self._end():
                self._part()
                self._check()
        finally:
            self.screen.progress.stop()
        if self._saved_step != self.state.step:
            self.save()
        if not self._must_stop() and self.state.epoch < self.config.trainer.epochs:
            say(self.console, self._end() or "")
            if self.state.step_in_epoch:
                self.validation.evaluate_unfinished()
        self.validation.write_best()
        self._write_last()
        if self._must_stop():
            self.after_steps()
            self.signals.raise_if_received()
        unwritten = self.device.processes.first(self._unwritten())
        if unwritten:
            self.after_steps()
            raise UserError(unwritten)

    def _unwritten(self) -> str:
        """What could not be written at the end, and what to do about it; nothing where all was."""
        unwritten = [what for what in (CHECKPOINT, MODEL) if self.write_errors.in_a_row[what]]
        if not unwritten:
            return ""
        return (
            f"{' and '.join(unwritten)} could not be written at the end ({self.write_errors.last[unwritten[0]]});"
            f" make space in {self.folder}, then {way_on(self.folder)}"
        )

    def _must_stop(self) -> bool:
        """Whether a signal came to one of the processes: all come to the same answer."""
        self.clock.must_end()
        return self.clock.signal is not None

    def _end(self) -> str | None:
        """Why no step follows, in a sentence; None where one does."""
        state, trainer = self.state, self.config.trainer
        place = f"at step {state.step}, epoch {min(state.epoch + 1, trainer.epochs)} of {trainer.epochs}"
        if state.epoch >= trainer.epochs:
            return "all epochs are done"
        if self.clock.is_out_of_patience and not state.step_in_epoch:
            return (
                f"trainer.patience={trainer.patience}: no lower ab RMSE on val since epoch {state.best_epoch};"
                f" the run ends after epoch {state.epoch} of {trainer.epochs}"
            )
        if self.profile.is_done:
            return f"{self.profile.steps} steps are traced in {self.profile.folder}; the run ends {place}"
        if trainer.max_minutes and self.clock.is_over_budget:
            more = 2 * max(trainer.max_minutes, math.ceil(self.seconds() / 60))
            return (
                f"trainer.max_minutes={trainer.max_minutes:g} are over {place}; the run is evaluated as it is."
                f" To go on: {resume_command(self.folder)} trainer.max_minutes={more:g}"
            )
        return None

    def seconds(self) -> float:
        """Of the run so far, over all its processes."""
        return self.state.seconds + time.perf_counter() - self._seconds_counted

    def _write_last(self) -> None:
        with self.write_errors.tolerate(LAST), averaged_weights(self.learner):
            self.validation.save_model(self.folder / LAST)

    def _part(self) -> None:
        state, trainer = self.state, self.config.trainer
        until = state.epoch + 1 if state.step_in_epoch else trainer.epochs
        steps = self.batches.steps_per_epoch - state.step_in_epoch
        loader = Loader(
            self.batches, steps * (until - state.epoch), trainer.num_workers, trainer.prefetch_batches,
            state.step, trainer.batch_timeout_seconds, lambda: self.signals.received is not None,
        )  # fmt: skip
        self.speed.loader, self.screen.done = loader, state.step_in_epoch
        self.screen.progress.start()
        try:
            self.learner.fit(
                feed(self.device, loader, self.batches.for_step(state.step), self.learner.gather),
                initial_epoch=state.epoch,
                epochs=until,
                steps_per_epoch=steps,
                shuffle=False,  # the loader has its own order; Keras would only warn that it cannot shuffle
                verbose=0,
                callbacks=self.clock,
            )
        except Exception:  # no state to save: on TensorFlow half of the step without data may be done
            if loader.error is None:
                raise
            self.signals.raise_if_received()
            raise loader.error from None  # the backend's words for it hide ours
        self.screen.done = 0

    def save(self) -> None:
        """Saves a checkpoint of this moment; asks training to stop where that failed too often in a row."""
        start = time.perf_counter()
        self.step_curves.send()
        self.tracker.secure()  # a checkpoint must not know more than the journal
        self.count_seconds()
        with self.write_errors.tolerate(CHECKPOINT):
            self.checkpoints.save(self.state.state_dict())
            self._saved_step = self.state.step
        self.state.seconds_saving += time.perf_counter() - start
        if self._failures >= self.config.trainer.checkpoint.max_consecutive_failures:
            self.learner.stop_training = True

    @property
    def _failures(self) -> int:
        return self.write_errors.in_a_row[CHECKPOINT] if self.device.processes.is_first else 0

    def count_seconds(self) -> None:
        """Brings the seconds of the run up to this moment."""
        now, tracking = time.perf_counter(), self.tracker.seconds
        self.state.seconds += now - self._seconds_counted
        self.state.seconds_tracking += tracking - self._tracking_counted
        self._seconds_counted, self._tracking_counted = now, tracking

    def newest(self, before_step: int | None = None) -> State:
        """The newest checkpoint that can be used, where possible of an earlier step; says which ones cannot.

        Raises:
            UserError: there is none.
        """
        checkpoint = self.checkpoints.newest(self.state.misfit, before_step)
        if checkpoint is None:
            raise UserError(f"{self.checkpoints.folder} has no checkpoint to go on from")
        for path, reason in self.checkpoints.rejected.items():
            say(self.console, f"checkpoint {path.name} is passed over: {reason}")
        return checkpoint

    def load(self, checkpoint: State) -> None:
        """Takes up the state of a checkpoint of this run."""
        state, config = self.state, self.state.config
        state.load_state_dict(checkpoint)
        self._fit_to_batch_size(config)
        self.clock.halted = self.validation.diverged = self.validation.is_written = False
        self.learner.optimizer.halted.assign(0)
        running = values_of(self.learner.metrics_variables).values()
        self.clock.metrics = list(running) if state.step_in_epoch else []
        self.batches.go_on_at(state.step, state.sample)
        self._saved_step = state.step

    def _fit_to_batch_size(self, config: dict) -> None:
        """The state becomes that of the configuration in use; of another batch size, the steps that are as far."""
        before, self.state.config = self.state.config, config
        size = before.get("data.batch_size", self.batches.batch_size)
        if size == self.batches.batch_size:
            return
        steps = self.batches.steps_per_epoch
        done = self.state.step_in_epoch * size / len(self.batches.photos)
        self.state.step_in_epoch = min(round(done * steps), steps - 1)
        self.state.step = self.state.epoch * steps + self.state.step_in_epoch
        micro_steps(self.learner.optimizer).assign(self.state.step)  # the place in the schedule of the learning rate

    def _check(self) -> None:
        """What may have ended a part of the training before its time."""
        plan = self.config.trainer.checkpoint
        if self.clock.halted or self.validation.diverged:
            self._roll_back()
        elif self._failures >= plan.max_consecutive_failures:
            raise UserError(
                f"{CHECKPOINT} could not be written {self._failures} times in a row"
                f" ({self.write_errors.last[CHECKPOINT]}); training ends, since all would be lost with this process."
                f" Make space in {self.folder}, then {way_on(self.folder)}"
            )

    def _roll_back(self) -> None:
        plan, reason = self.config.trainer.on_nan, self._not_finite()
        state = self.state
        if plan.action == "stop" or state.rollbacks >= plan.max_rollbacks:
            kept = ""
            if self.clock.halted:
                self._write_last()
                kept = f"the weights before it are in {LAST}, and "
            times = f" after {state.rollbacks} rollbacks" if state.rollbacks else ""
            self.after_steps()
            raise UserError(
                f"{reason} Training ends{times}; {kept}the best so far stay, in {self.folder}. Look at these photos,"
                " lower optimizer.learning_rate or optimizer.clip_norm in a new run, or roll back and go on:"
                f" {resume_command(self.folder)} trainer.on_nan.action=rollback"
            )
        self.tracker.forget()
        self.step_curves.forget()
        state.rollbacks += 1
        self.count_seconds()
        spent = {name: getattr(state, name) for name in NOT_TAKEN_BACK}
        self.load(self.newest(before_step=state.step))  # the same weights and photos would fail again
        for name, value in spent.items():
            setattr(state, name, value)
        scale = plan.lr_factor**state.rollbacks
        self.learner.optimizer.rate_scale.assign(scale)
        text = (
            f"{reason} Rollback {state.rollbacks} of {plan.max_rollbacks}: on from step {state.step}, epoch"
            f" {state.epoch + 1}, with {scale:g} times the learning rate"
        )
        say(self.console, text)
        self.tracker.tags({f"rollback.{state.rollbacks}": text})
        self.save()  # so that it is not taken again by who goes on from here

    def _not_finite(self) -> str:
        if self.validation.diverged:
            return f"In epoch {self.state.epoch} the ab RMSE on val is not finite."
        photos = listed(self.batches.names(self.state.step))
        return (
            f"In step {self.state.step + 1} (epoch {self.state.epoch + 1}) the loss, a gradient or its norm is not"
            f" finite; its batch is made of {photos}. {self._first_not_finite()}"
        )

    def _first_not_finite(self) -> str:
        try:
            return first_not_finite(self.learner.parts, self.batches.batch(self.state.step))
        except Exception as error:  # of a backend, where the memory has no room for all outputs together
            return f"Which layer is the first could not be found: {first_line(error)}."
