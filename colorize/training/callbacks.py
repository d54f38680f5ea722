"""What happens between steps and between epochs. Order matters: each writes into the epoch's logs for the next."""

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from rich.console import Console
from rich.progress import TextColumn

from colorize.config.training import Trainer
from colorize.console import bar
from colorize.data.dataset import Photos
from colorize.image_grid import save, strip
from colorize.models.colorizer import Colorizer
from colorize.runs.atomic import Attempts
from colorize.runs.layout import HISTORY, STRIPS
from colorize.runs.model_file import MODEL
from colorize.tracking.tracker import Tracker
from colorize.training.variables import averaged_weights, holding, values_of

SECTION = "epoch"
"""Of MLflow's UI, which sorts sections by name: curves and strips come before what is logged under final/."""

SHOWN_EVERY = 0.5
"""Seconds between two readings of the running metrics: each makes an accelerator wait."""


class Speed(keras.callbacks.Callback):
    """Adds `images_per_second` and `input_wait_share` of the epoch to its logs, and sums up both for the run.

    Attributes:
        loader: what feeds the training; set anew for each part of it.
        images, seconds, waited: of the run so far.
    """

    def __init__(self):
        super().__init__()
        self.loader = None
        self.take_up(0, 0.0, 0.0)

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clocks."""
        self._start, self._waited, self._steps = time.perf_counter(), self.loader.waited, 0

    def on_train_batch_end(self, batch, logs=None):
        """Counts the step."""
        self._steps = batch + 1

    def on_epoch_end(self, epoch, logs):
        """Reads the clocks, before the other callbacks evaluate and paint."""
        images, seconds, waited = self._of_epoch()
        logs["images_per_second"] = images / seconds
        logs["input_wait_share"] = waited / seconds
        self.take_up(*self.so_far())

    def _of_epoch(self) -> tuple[int, float, float]:
        seconds = time.perf_counter() - self._start
        return self._steps * self.loader.batches.batch_size, seconds, self.loader.waited - self._waited

    def take_up(self, images: int, seconds: float, waited: float) -> None:
        """Goes on from what an earlier process counted."""
        self.images, self.seconds, self.waited, self._steps = images, seconds, waited, 0

    def so_far(self) -> tuple[int, float, float]:
        """Images, seconds and seconds of waiting, those of an epoch under way included."""
        if not self._steps:
            return self.images, self.seconds, self.waited
        images, seconds, waited = self._of_epoch()
        return self.images + images, self.seconds + seconds, self.waited + waited


class Validation(keras.callbacks.Callback):
    """Evaluates the averaged weights after each epoch, keeps the best of them, and paints a few photos.

    Args:
        colorizer: of the network that is trained.
        photos: by which the best weights are chosen.
        folder: the output folder.
        trainer: how many of the photos are painted, and how often; the start and the last epoch always are.
        attempts: at writing.
        save_model: writes the network as it is into a model file.
    Attributes:
        kept: the answers of a frozen part to the photos, where they are known.
        best, best_epoch: lowest ab RMSE so far (Lab units), and when it was.
        best_weights: those of the network then, by name.
        diverged: whether the last epoch's ab RMSE is not finite; training is asked to stop then.
    """

    def __init__(
        self, colorizer: Colorizer, photos: Photos, folder: Path, tracker: Tracker, trainer: Trainer,
        attempts: Attempts, save_model: Callable[[Path], None],
    ):  # fmt: skip
        super().__init__()
        self.colorizer, self.photos, self.folder = colorizer, photos, folder
        self.tracker, self.trainer, self.attempts = tracker, trainer, attempts
        self.save_model, self.kept = save_model, None
        chosen = np.linspace(0, len(photos) - 1, min(trainer.strips, len(photos)), dtype=int)
        self.painted = dict(zip([photos.key(i) for i in chosen], photos.fitted(chosen) if len(chosen) else []))
        self.best, self.best_epoch, self.best_weights = float("inf"), 0, {}
        self.diverged = self._is_written = False

    def paint_start(self) -> None:
        """Paints once before training, as epoch 0: a slider in the UI starts there, and shows nothing otherwise."""
        if self.painted:
            self._paint(0)

    def on_epoch_end(self, epoch, logs):
        """Adds `val_loss` and `val_ab_rmse` (Lab units) to the logs."""
        with averaged_weights(self.model):
            values = self._evaluate()
            logs.update({f"val_{name}": value for name, value in values.items()})
            self.diverged = not np.isfinite(values["ab_rmse"])
            if self.diverged:
                self.model.stop_training = True
                return
            if values["ab_rmse"] < self.best:
                self.best, self.best_epoch = values["ab_rmse"], epoch + 1
                self.best_weights, self._is_written = values_of(self.model.network.weights), False
            if self.painted and ((epoch + 1) % self.trainer.strip_every == 0 or epoch + 1 == self.trainer.epochs):
                self._paint(epoch + 1)
        self.write_best()

    def take_up(self, best: float | None, epoch: int, weights: dict[str, np.ndarray]) -> None:
        """Goes on from the best that an earlier process, or an earlier part of the training, found."""
        self.best, self.best_epoch, self.best_weights = float("inf") if best is None else best, epoch, weights
        self._is_written = False

    def write_best(self) -> None:
        """Writes the best weights where that has not been done yet: they are new, or there was no space before."""
        if self._is_written or not self.best_weights:
            return
        network = self.model.network
        values = [self.best_weights[variable.path] for variable in network.weights]
        with self.attempts.at(MODEL), holding(network.weights, values):
            self.save_model(self.folder / MODEL)
            self._is_written = True

    def _evaluate(self) -> dict[str, float]:
        """Of all photos together; Keras starts anew with each batch."""
        loss = squared = 0.0
        for part, rgb in self.photos.batches():
            photos = rgb if self.kept is None else (rgb, *self.kept.of(part))
            values = self.model.test_on_batch(photos, return_dict=True)
            loss += len(rgb) * float(values["loss"])
            squared += len(rgb) * float(values["ab_rmse"]) ** 2
        return {"ab_rmse": (squared / len(self.photos)) ** 0.5, "loss": loss / len(self.photos)}

    def _paint(self, epoch: int) -> None:
        rgb = np.stack(list(self.painted.values()))
        for key, truth, predicted in zip(self.painted, rgb, self.colorizer.predict_on_batch(rgb)):
            picture = strip(truth, predicted)
            with self.attempts.at("a strip"):
                save(picture, self.folder / STRIPS / f"{key}.png")
            self.tracker.picture(picture, f"{SECTION}/strip {key}", epoch)


class Curves(keras.callbacks.Callback):
    """Sends the logs of each epoch and the learning rate to the tracker, and writes them into `history.csv`.

    Attributes:
        history: the rows so far; the file is written anew with each, so that a failure loses none.
    """

    def __init__(self, tracker: Tracker, folder: Path, attempts: Attempts):
        super().__init__()
        self.tracker, self.path, self.attempts = tracker, folder / HISTORY, attempts
        self.history: list[dict[str, float]] = []

    def on_epoch_end(self, epoch, logs):
        """Logs at step = epochs done."""
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        values = {name: float(value) for name, value in logs.items()} | {"learning_rate": rate}
        self.tracker.metrics({f"{SECTION}/{name}": value for name, value in values.items()}, step=epoch + 1)
        self.history.append({"epoch": epoch + 1, **values})
        with self.attempts.at(HISTORY):
            self.path.write_text(self._table(), encoding="utf-8")

    def _table(self) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.history[-1], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.history)
        return text.getvalue()


class Screen(keras.callbacks.Callback):
    """A progress bar for the epoch under way, a line for each epoch done; Lab units, a star for the best.

    Args:
        epochs, steps: how many there are, and of how many steps each is.
    Attributes:
        done: steps of this epoch that an earlier part of the training did.
        best: lowest ab RMSE so far.
    """

    def __init__(self, console: Console, epochs: int, steps: int):
        super().__init__()
        self.progress = bar(console, TextColumn("{task.fields[metrics]}"))
        self.task = self.progress.add_task("", metrics="")
        self.epochs, self.steps = epochs, steps
        self.best, self.done, self._read = float("inf"), 0, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        """Sets the bar back."""
        description = f"epoch {epoch + 1:>3}/{self.epochs}"
        self.progress.reset(self.task, total=self.steps, completed=self.done, description=description, metrics="")

    def on_train_batch_end(self, batch, logs=None):
        """Moves the bar."""
        self.progress.update(self.task, completed=self.done + batch + 1)
        if logs and time.perf_counter() - self._read > SHOWN_EVERY:
            text = f"loss {float(logs['loss']):.2f}  ab RMSE {float(logs['ab_rmse']):.2f}"
            self.progress.update(self.task, metrics=text)
            self._read = time.perf_counter()

    def on_epoch_end(self, epoch, logs):
        """Prints the epoch's line."""
        val = logs["val_ab_rmse"]
        star = "*" if val < self.best else " "
        self.best = min(self.best, val)
        self.progress.console.print(
            f"epoch {epoch + 1:>3}/{self.epochs}  loss {logs['loss']:5.2f}  ab RMSE {logs['ab_rmse']:5.2f}"
            f"  val {val:5.2f}{star} {logs['images_per_second']:4.0f} img/s"
            f"  wait {logs['input_wait_share']:.0%}",
            highlight=False,
        )
