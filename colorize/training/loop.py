"""From the first step to the last: epochs, checkpoints, stopping, stepping back, going on where a run was left.

Keras trains in parts, each of which ends at the end of an epoch: the rest of the epoch under way, then all others.
"""

import time
from pathlib import Path

from rich.console import Console

from colorize.backend import feed
from colorize.config.base import flat
from colorize.config.schema import Config
from colorize.console import say
from colorize.data.batches import Batches
from colorize.data.loader import Loader
from colorize.errors import UserError, listed
from colorize.runs.atomic import Attempts
from colorize.runs.layout import CHECKPOINTS, LAST, resume_command
from colorize.runs.model_file import MODEL
from colorize.tracking.tracker import Tracker
from colorize.training import state
from colorize.training.callbacks import Curves, Screen, Speed, Validation
from colorize.training.checkpoint import Checkpoint, Checkpoints
from colorize.training.clock import Clock
from colorize.training.learner import Learner
from colorize.training.resume import refused
from colorize.training.signals import StopSignals
from colorize.training.state import BEST, Counters
from colorize.training.variables import averaged_weights, values_of

CHECKPOINT = "a checkpoint"


class Fitting:
    """The training of one run.

    Args:
        learner: compiled.
        started: `time.perf_counter()` at the start of the program.
    """

    def __init__(
        self, config: Config, learner: Learner, batches: Batches, validation: Validation, folder: Path,
        data_digest: str, tracker: Tracker, signals: StopSignals, attempts: Attempts, console: Console, started: float,
    ):  # fmt: skip
        self.config, self.learner, self.batches = config, learner, batches
        self.folder, self.data_digest, self.tracker, self.signals = folder, data_digest, tracker, signals
        self.attempts, self.console, self.started = attempts, console, started
        trainer = config.trainer
        self.checkpoints = Checkpoints(folder / CHECKPOINTS, trainer.checkpoint.keep)
        self.speed, self.validation = Speed(), validation
        self.curves = Curves(tracker, folder, attempts)
        self.screen = Screen(console, trainer.epochs, batches.steps_per_epoch)
        callbacks = [self.speed, validation, self.curves, self.screen]
        self.clock = Clock(callbacks, learner, batches, trainer, signals, self.save)
        self.before = Counters()
        """What earlier processes did of this run."""
        self.step_backs, self.seconds_saving, self._saved_step = 0, 0.0, -1

    def run(self) -> None:
        """Trains to the end or to the first signal, and keeps the state and the last weights either way.

        Raises:
            Stopped: a signal came.
            UserError: the loss was not finite, a batch could not be gathered, checkpoints could not be written.
        """
        self.signals.deferred = True
        if self.clock.step == 0:
            self.validation.paint_start()
            self.save()
            with self.attempts.at(LAST):  # what the run begins with, its bins among it
                self.validation.save_model(self.folder / LAST)
        try:
            while self.clock.epoch < self.config.trainer.epochs and self.signals.received is None:
                self._part()
                self._check()
        finally:
            self.screen.progress.stop()
        if self._saved_step != self.clock.step:
            self.save()
        self.validation.write_best()
        self._write_last()
        self.signals.raise_if_received()
        unwritten = [what for what in (CHECKPOINT, MODEL) if self.attempts.in_a_row[what]]
        if unwritten:
            raise UserError(
                f"{' and '.join(unwritten)} could not be written at the end ({self.attempts.last[unwritten[0]]}); make"
                f" space in {self.folder}, then: {resume_command(self.folder)}"
            )

    def _write_last(self) -> None:
        with self.attempts.at(LAST), averaged_weights(self.learner):
            self.validation.save_model(self.folder / LAST)

    def _part(self) -> None:
        clock, trainer = self.clock, self.config.trainer
        until = clock.epoch + 1 if clock.step_in_epoch else trainer.epochs
        steps = self.batches.steps_per_epoch - clock.step_in_epoch
        loader = Loader(
            self.batches, steps * (until - clock.epoch), trainer.loader_threads, trainer.batches_ahead,
            clock.step, trainer.batch_seconds, lambda: self.signals.received is not None,
        )  # fmt: skip
        self.speed.loader, self.screen.done = loader, clock.step_in_epoch
        self.screen.progress.start()
        try:
            self.learner.fit(
                feed(self.config.backend, loader, self.batches.batch(clock.step)),
                initial_epoch=clock.epoch,
                epochs=until,
                steps_per_epoch=steps,
                shuffle=False,  # the loader has its own order; Keras would only warn that it cannot shuffle
                verbose=0,
                callbacks=clock,
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
        self.tracker.secure()  # a checkpoint must not know more than the journal
        best = {f"{BEST}{name}": value for name, value in self.validation.best_weights.items()}
        with self.attempts.at(CHECKPOINT):
            self.checkpoints.save(Checkpoint({**state.take(self.learner), **best}, self.counters()))
            self._saved_step = self.clock.step
        self.seconds_saving += time.perf_counter() - start
        if self._misses >= self.config.trainer.checkpoint.misses:
            self.learner.stop_training = True

    @property
    def _misses(self) -> int:
        return self.attempts.in_a_row[CHECKPOINT]

    def counters(self) -> Counters:
        """How far the run is."""
        clock, before = self.clock, self.before
        images, training, waiting = self.speed.so_far()
        return Counters(
            step=clock.step,
            sample=clock.sample,
            epoch=clock.epoch,
            step_in_epoch=clock.step_in_epoch,
            best=self.validation.best if self.validation.best_epoch else None,
            best_epoch=self.validation.best_epoch,
            history=self.curves.history,
            images=images,
            seconds_training=training,
            seconds_waiting=waiting,
            seconds_tracking=before.seconds_tracking + self.tracker.seconds,
            seconds_saving=before.seconds_saving + self.seconds_saving,
            seconds=before.seconds + time.perf_counter() - self.started,
            step_backs=self.step_backs,
            config=flat(self.config.stored()),
            data_digest=self.data_digest,
        )

    def newest(self, before_step: int | None = None) -> Checkpoint:
        """The newest checkpoint that can be used, where possible of an earlier step; says which ones cannot.

        Raises:
            UserError: there is none.
        """
        expected = state.take(self.learner)
        checkpoint = self.checkpoints.newest(lambda found: self._misfit(found, expected), before_step)
        if checkpoint is None:
            raise UserError(f"{self.checkpoints.folder} has no checkpoint to go on from")
        for path, reason in self.checkpoints.rejected.items():
            say(self.console, f"checkpoint {path.name} is passed over: {reason}")
        return checkpoint

    def _misfit(self, checkpoint: Checkpoint, expected: dict) -> str | None:
        counters = checkpoint.counters
        other = refused(counters.config, flat(self.config.stored()))
        if other:
            return f"it is of another run: {other[0]}"
        if counters.data_digest != self.data_digest:
            return f"it is of a run with other photos: digest {counters.data_digest}, here {self.data_digest}"
        return state.difference(state.without_best(checkpoint.arrays), expected)

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Takes up the state of a checkpoint of this run."""
        counters, clock = checkpoint.counters, self.clock
        state.restore(self.learner, checkpoint.arrays)
        clock.epoch, clock.sample = counters.epoch, counters.sample
        clock.step, clock.step_in_epoch = self._steps_of(counters)
        clock.halted = self.validation.diverged = False
        self.learner.optimizer.halted.assign(0)
        self.step_backs = max(self.step_backs, counters.step_backs)
        clock.metrics = list(values_of(self.learner.metrics_variables).values()) if clock.step_in_epoch else []
        self.batches.go_on_at(clock.step, clock.sample)
        best = {name.removeprefix(BEST): value for name, value in checkpoint.arrays.items() if name.startswith(BEST)}
        self.validation.take_up(counters.best, counters.best_epoch, best)
        self.curves.history = list(counters.history)
        self.screen.best = self.validation.best
        self.speed.take_up(counters.images, counters.seconds_training, counters.seconds_waiting)
        self._saved_step = clock.step

    def _steps_of(self, counters: Counters) -> tuple[int, int]:
        """Steps done, over all and in this epoch; of another batch size, those that would be as far."""
        before = counters.config.get("data.batch_size", self.batches.batch_size)
        if before == self.batches.batch_size:
            return counters.step, counters.step_in_epoch
        steps = self.batches.steps_per_epoch
        done = counters.step_in_epoch * before / len(self.batches.photos)
        in_epoch = min(round(done * steps), steps - 1)
        step = counters.epoch * steps + in_epoch
        self.learner.optimizer.iterations.assign(step)  # the place in the schedule of the learning rate
        return step, in_epoch

    def _check(self) -> None:
        """What may have ended a part of the training before its time."""
        plan = self.config.trainer.checkpoint
        if self.clock.halted or self.validation.diverged:
            self._step_back()
        elif self._misses >= plan.misses:
            raise UserError(
                f"{CHECKPOINT} could not be written {self._misses} times in a row"
                f" ({self.attempts.last[CHECKPOINT]}); training ends, since all would be lost with this process. Make"
                f" space in {self.folder}, then go on from the last: {resume_command(self.folder)}"
            )

    def _step_back(self) -> None:
        plan, reason = self.config.trainer.on_nan, self._not_finite()
        if plan.action == "stop" or self.step_backs >= plan.times:
            kept = ""
            if self.clock.halted:
                self._write_last()
                kept = f"the weights before it are in {LAST}, and "
            times = f" after {self.step_backs} steps back" if self.step_backs else ""
            raise UserError(
                f"{reason} Training ends{times}; {kept}the best so far stay, in {self.folder}. Look at these photos,"
                " lower optimizer.learning_rate or optimizer.clip_norm in a new run, or step back and go on:"
                f" {resume_command(self.folder)} trainer.on_nan.action=step_back"
            )
        self.step_backs += 1
        self.tracker.forget()
        failed = self.clock.step
        self.go_on_from(self.newest(before_step=failed))  # the same weights and photos would fail again
        self.learner.optimizer.rate_scale.assign(plan.rate**self.step_backs)
        text = (
            f"{reason} Step back {self.step_backs} of {plan.times}: on from step {self.clock.step}, epoch"
            f" {self.clock.epoch + 1}, with {plan.rate**self.step_backs:g} times the learning rate"
        )
        say(self.console, text)
        self.tracker.tags({f"step_back.{self.step_backs}": text})
        self.save()  # so that it is not taken again by who goes on from here

    def _not_finite(self) -> str:
        if self.validation.diverged:
            return f"In epoch {self.clock.epoch} the ab RMSE on val is not finite."
        photos = listed(self.batches.names(self.clock.step))
        return (
            f"In step {self.clock.step + 1} (epoch {self.clock.epoch + 1}) the loss, a gradient or its norm is not"
            f" finite; its batch is made of {photos}."
        )
