"""What happens between steps and between epochs. Order matters: each writes into the epoch's logs for the next."""

import csv
import time
from pathlib import Path

import keras
import numpy as np
from rich.console import Console
from rich.progress import TextColumn

from colorize.checkpoint import save_weights
from colorize.data.batches import Loader
from colorize.data.photos import Photos
from colorize.embeddings import Embeddings
from colorize.errors import UserError
from colorize.models.colorizer import Colorizer
from colorize.optimizer import averaged_weights
from colorize.pictures import save, strip
from colorize.progress import bar
from colorize.run_folder import BEST, HISTORY, STRIPS
from colorize.signals import StopSignals
from colorize.tracking.tracker import Tracker

SECTION = "epoch"
"""Of MLflow's UI, which sorts sections by name: curves and strips come before what is logged under final/."""

SHOWN_EVERY = 0.5
"""Seconds between two readings of the running metrics: each makes an accelerator wait."""


class StopOnSignal(keras.callbacks.Callback):
    """Ends training after the step during which a signal came."""

    def __init__(self, signals: StopSignals):
        super().__init__()
        self.signals = signals

    def on_train_batch_end(self, batch, logs=None):
        """Asks Keras to stop."""
        if self.signals.received is not None:
            self.model.stop_training = True


class Speed(keras.callbacks.Callback):
    """Adds `images_per_second` and `input_wait_share` of the epoch to its logs, and sums up both for the run."""

    def __init__(self, loader: Loader):
        super().__init__()
        self.loader = loader
        self.images, self.seconds = 0, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clocks."""
        self._start, self._waited, self._steps = time.perf_counter(), self.loader.waited, 0

    def on_train_batch_end(self, batch, logs=None):
        """Counts the step."""
        self._steps = batch + 1

    def on_epoch_end(self, epoch, logs):
        """Reads the clocks, before the other callbacks evaluate and paint."""
        seconds = time.perf_counter() - self._start
        images = self._steps * self.loader.batches.batch_size
        logs["images_per_second"] = images / seconds
        logs["input_wait_share"] = (self.loader.waited - self._waited) / seconds
        self.images, self.seconds = self.images + images, self.seconds + seconds


class Validation(keras.callbacks.Callback):
    """Evaluates the averaged weights after each epoch, keeps the best of them, and paints a few photos.

    Args:
        colorizer: of the network that is trained.
        photos: by which the best weights are chosen.
        folder: the output folder.
        strips: how many of the photos are painted.
        strip_every: epochs between two paintings; the start and the last epoch are always painted.
        embeddings: of the photos, where the backbone's are known.
    """

    def __init__(
        self, colorizer: Colorizer, photos: Photos, folder: Path, tracker: Tracker, strips: int, strip_every: int,
        embeddings: Embeddings | None = None,
    ):  # fmt: skip
        super().__init__()
        self.colorizer, self.photos, self.folder = colorizer, photos, folder
        self.tracker, self.strip_every, self.embeddings = tracker, strip_every, embeddings
        chosen = np.linspace(0, len(photos) - 1, min(strips, len(photos)), dtype=int)
        self.painted = dict(zip([photos.key(i) for i in chosen], photos.fitted(chosen) if len(chosen) else []))
        self.best, self.best_epoch = float("inf"), 0

    def on_train_begin(self, logs=None):
        """Paints once before training, as epoch 0: a slider in the UI starts there, and shows nothing otherwise."""
        if self.painted:
            self._paint(0)

    def on_epoch_end(self, epoch, logs):
        """Adds `val_loss` and `val_ab_rmse` (Lab units) to the logs."""
        with averaged_weights(self.model):
            values = self._evaluate()
            if not np.isfinite(values["ab_rmse"]):
                raise UserError(
                    f"training diverged: in epoch {epoch + 1} the validation ab RMSE is {values['ab_rmse']}. Lower"
                    f" optimizer.learning_rate or optimizer.clip_norm; the best weights so far stay in {self.folder}"
                )
            logs.update({f"val_{name}": value for name, value in values.items()})
            if values["ab_rmse"] < self.best:
                self.best, self.best_epoch = values["ab_rmse"], epoch + 1
                save_weights(self.model.network, self.folder / BEST)
            if self.painted and ((epoch + 1) % self.strip_every == 0 or epoch + 1 == self.params["epochs"]):
                self._paint(epoch + 1)

    def _evaluate(self) -> dict[str, float]:
        """Of all photos together; Keras starts anew with each batch."""
        loss = squared = 0.0
        for part, rgb in self.photos.batches():
            photos = rgb if self.embeddings is None else (rgb, self.embeddings.of(part))
            values = self.model.test_on_batch(photos, return_dict=True)
            loss += len(rgb) * float(values["loss"])
            squared += len(rgb) * float(values["ab_rmse"]) ** 2
        return {"ab_rmse": (squared / len(self.photos)) ** 0.5, "loss": loss / len(self.photos)}

    def _paint(self, epoch: int) -> None:
        rgb = np.stack(list(self.painted.values()))
        for key, truth, predicted in zip(self.painted, rgb, self.colorizer.predict_on_batch(rgb)):
            picture = strip(truth, predicted)
            save(picture, self.folder / STRIPS / f"{key}.png")
            self.tracker.picture(picture, f"{SECTION}/strip {key}", epoch)


class Curves(keras.callbacks.Callback):
    """Sends the logs of each epoch and the learning rate to the tracker, and writes them into `history.csv`."""

    def __init__(self, tracker: Tracker, folder: Path):
        super().__init__()
        self.tracker, self.path = tracker, folder / HISTORY

    def on_epoch_end(self, epoch, logs):
        """Logs at step = epochs done."""
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        values = {**logs, "learning_rate": rate}
        self.tracker.metrics({f"{SECTION}/{name}": value for name, value in values.items()}, step=epoch + 1)
        with open(self.path, "a", newline="") as file:
            writer = csv.DictWriter(file, ["epoch", *values])
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow({"epoch": epoch + 1, **values})


class Screen(keras.callbacks.Callback):
    """A progress bar for the epoch under way, a line for each epoch done; Lab units, a star for the best."""

    def __init__(self, console: Console):
        super().__init__()
        self.progress = bar(console, TextColumn("{task.fields[metrics]}"))
        self.best, self._read = float("inf"), 0.0

    def on_train_begin(self, logs=None):
        """Shows the bar."""
        self.task = self.progress.add_task("", metrics="")
        self.progress.start()

    def on_epoch_begin(self, epoch, logs=None):
        """Sets the bar back."""
        description = f"epoch {epoch + 1:>3}/{self.params['epochs']}"
        self.progress.reset(self.task, total=self.params["steps"], description=description, metrics="")

    def on_train_batch_end(self, batch, logs=None):
        """Moves the bar."""
        self.progress.update(self.task, completed=batch + 1)
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
            f"epoch {epoch + 1:>3}/{self.params['epochs']}  loss {logs['loss']:5.2f}  ab RMSE {logs['ab_rmse']:5.2f}"
            f"  val {val:5.2f}{star} {logs['images_per_second']:4.0f} img/s"
            f"  wait {logs['input_wait_share']:.0%}",
            highlight=False,
        )

    def close(self) -> None:
        """Takes the bar away, also when training failed."""
        self.progress.stop()
