"""What happens between steps and between epochs. Order matters: each writes into the epoch's logs for the next."""

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras import ops
from rich.console import Console
from rich.progress import TextColumn

from colorize.config.training import Trainer
from colorize.console import bar
from colorize.data.dataset import Photos
from colorize.data.loader import Loader
from colorize.distribution.processes import ALONE, Processes
from colorize.image_grid import comparison_grid, save
from colorize.models.colorizer import Colorizer
from colorize.runs.atomic import WriteErrors
from colorize.runs.layout import CONTACT_SHEET, GRIDS, HISTORY
from colorize.runs.model_file import MODEL
from colorize.tracking.tracker import Tracker
from colorize.training.contact_sheet import ContactSheet
from colorize.training.feature_cache import FeatureCache
from colorize.training.state import TrainState
from colorize.training.variables import averaged_weights, holding, values_of

SHOWN_EVERY = 0.5
"""Seconds between two readings of the running metrics: each makes an accelerator wait."""


def curve_name(name: str) -> str:
    """A number of an epoch's logs as MLflow has it, whose page makes a group of what stands before the slash."""
    return f"val/{name.removeprefix('val_')}" if name.startswith("val_") else f"train/{name}"


class Speed(keras.callbacks.Callback):
    """Counts photos and seconds of training, and adds `images_per_second` and `input_wait_share` to an epoch's logs.

    Attributes:
        loader: what feeds the training; set anew for each part of it.
    """

    def __init__(self, state: TrainState):
        super().__init__()
        self.state = state
        self.loader: Loader
        """Set before each fit."""

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clocks."""
        self._before = self._so_far()
        self._time, self._waited = time.perf_counter(), self.loader.waited

    def on_train_batch_end(self, batch, logs=None):
        """Counts the step."""
        self.state.images += self.loader.batches.batch_size
        self._read_clocks()

    def on_epoch_end(self, epoch, logs):
        """Reads the clocks, before the other callbacks evaluate and paint."""
        self._read_clocks()
        images, seconds, waiting = [now - before for now, before in zip(self._so_far(), self._before)]
        logs["images_per_second"] = images / seconds
        logs["input_wait_share"] = waiting / seconds

    def _so_far(self) -> tuple[int, float, float]:
        return self.state.images, self.state.seconds_training, self.state.seconds_waiting

    def _read_clocks(self) -> None:
        time_now, waited_now = time.perf_counter(), self.loader.waited
        self.state.seconds_training += time_now - self._time
        self.state.seconds_waiting += waited_now - self._waited
        self._time, self._waited = time_now, waited_now


class Validation(keras.callbacks.Callback):
    """Evaluates the averaged weights after each epoch, keeps the best of them, and paints a few photos.

    Args:
        state: keeps the lowest ab RMSE (Lab units), the weights that had it, and when it was.
        colorizer: of the network that is trained.
        photos: by which the best weights are chosen.
        folder: the output folder.
        trainer: how many of the photos are painted, and how often; the start and the last of all epochs always are.
        write_errors: at writing.
        save_model: writes the network as it is into a model file.
        processes: all of which evaluate; what the first one finds counts.
    Attributes:
        features: the features that a frozen part makes of the photos, where they are known.
        is_written: whether the best weights are in the model file.
        diverged: whether the last epoch's ab RMSE is not finite; training is asked to stop then.
    """

    def __init__(
        self, state: TrainState, colorizer: Colorizer, photos: Photos, folder: Path, tracker: Tracker,
        trainer: Trainer, write_errors: WriteErrors, save_model: Callable[[Path], None],
        processes: Processes = ALONE,
    ):  # fmt: skip
        super().__init__()
        self.state, self.colorizer, self.photos, self.folder = state, colorizer, photos, folder
        self.tracker, self.trainer, self.write_errors = tracker, trainer, write_errors
        self.save_model, self.processes = save_model, processes
        self.sheet = ContactSheet(folder / CONTACT_SHEET)
        self.features: FeatureCache | None = None
        chosen = np.linspace(0, len(photos) - 1, min(trainer.num_visualized_photos, len(photos)), dtype=int)
        self.painted = dict(zip([photos.key(i) for i in chosen], photos.fitted(chosen) if len(chosen) else []))
        self.diverged = self.is_written = False

    def visualize_start(self) -> None:
        """Paints once before training, as epoch 0: a slider in the UI starts there, and shows nothing otherwise."""
        if self.painted:
            self._visualize(0)

    def on_epoch_end(self, epoch, logs):
        """Adds `val_loss` and `val_ab_rmse` (Lab units) to the logs."""
        with averaged_weights(self.model):
            values = self._evaluate()
            logs.update({f"val_{name}": value for name, value in values.items()})
            self.diverged = not np.isfinite(values["ab_rmse"])
            if self.diverged:
                self.model.stop_training = True
                return
            self._keep_best(values["ab_rmse"], epoch + 1)
            if self.painted and (
                (epoch + 1) % self.trainer.visualize_every_epochs == 0 or epoch + 1 == self.trainer.epochs
            ):
                self._visualize(epoch + 1)
        self.write_best()

    def _keep_best(self, ab_rmse: float, epoch: int) -> None:
        if ab_rmse < self.state.best:
            self.state.best, self.state.best_epoch = ab_rmse, epoch
            self.state.best_weights, self.is_written = values_of(self.model.network.weights), False

    def evaluate_unfinished(self) -> None:
        """Of an epoch that ends in its middle, after the last checkpoint: a run that goes on does not know of it."""
        with averaged_weights(self.model):
            self._keep_best(self._evaluate()["ab_rmse"], self.state.epoch + 1)

    def write_best(self) -> None:
        """Writes the best weights where that has not been done yet: they are new, or there was no space before."""
        is_missing = bool(self.state.best_weights) and not self.is_written
        if not self.processes.greatest(is_missing):  # in one of them: all hold the weights together
            return
        network = self.model.network
        values = [self.state.best_weights[variable.path] for variable in network.weights]
        with self.write_errors.tolerate(MODEL), holding(network.weights, values):
            self.save_model(self.folder / MODEL)
            self.is_written = True

    def _evaluate(self) -> dict[str, float]:
        """Of all photos together; Keras starts anew with each batch."""
        loss = squared = 0.0
        for part, rgb in self.photos.batches():
            photos = rgb if self.features is None else (rgb, *self.features.of(part))
            values = self.model.test_on_batch(photos, return_dict=True)
            loss += len(rgb) * float(values["loss"])
            squared += len(rgb) * float(values["ab_rmse"]) ** 2
        return self.processes.first({"ab_rmse": (squared / len(self.photos)) ** 0.5, "loss": loss / len(self.photos)})

    def _visualize(self, epoch: int) -> None:
        rgb = np.stack(list(self.painted.values()))
        ab = ops.convert_to_numpy(self.colorizer.predict_on_batch(rgb))
        for key, truth, predicted in zip(self.painted, rgb, ab):
            picture = comparison_grid(truth, predicted)
            with self.write_errors.tolerate("a comparison grid"):
                save(picture, self.folder / GRIDS / f"{key}.png")
            self.tracker.picture(picture, f"val/grid {key}", epoch)
        with self.write_errors.tolerate(CONTACT_SHEET):
            self.sheet.add(epoch, rgb, ab)
            self.tracker.file(self.folder / CONTACT_SHEET)


class Curves(keras.callbacks.Callback):
    """Sends the logs of each epoch and the learning rate to the tracker, and writes them into `history.csv`.

    The file is written anew with each epoch, so that a failure loses none.
    """

    def __init__(self, state: TrainState, tracker: Tracker, folder: Path, write_errors: WriteErrors):
        super().__init__()
        self.state, self.tracker, self.path, self.write_errors = state, tracker, folder / HISTORY, write_errors

    def on_epoch_end(self, epoch, logs):
        """Logs at step = epochs done."""
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        values = {name: float(value) for name, value in logs.items()} | {"learning_rate": rate}
        self.tracker.metrics({curve_name(name): value for name, value in values.items()}, step=epoch + 1)
        self.state.history.append({"epoch": epoch + 1, **values})
        with self.write_errors.tolerate(HISTORY):
            self.path.write_text(self._table(), encoding="utf-8")

    def _table(self) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.state.history[-1], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.state.history)
        return text.getvalue()


class Reader(keras.callbacks.Callback):
    """Shows what steps return, which is read twice a second at most, by all readers at once: see `Clock`."""

    def read(self, logs: dict) -> None:
        """Takes what a step returned that is done."""


class Screen(Reader):
    """Bars for the epoch under way and for the whole run, a line for each epoch done; Lab units, a star for the best.

    Args:
        epochs, steps: how many there are, and of how many steps each is.
    Attributes:
        done: steps of this epoch that an earlier part of the training did.
    """

    def __init__(self, state: TrainState, console: Console, epochs: int, steps: int):
        super().__init__()
        self.progress = bar(console, TextColumn("{task.fields[metrics]}"))
        self.task = self.progress.add_task("", metrics="")
        self.whole = self.progress.add_task("the whole run", total=epochs * steps, metrics="")
        self.state, self.epochs, self.steps = state, epochs, steps
        self.done = 0

    def on_epoch_begin(self, epoch, logs=None):
        """Sets the bar back."""
        description = f"epoch {epoch + 1:>3}/{self.epochs}"
        self.progress.update(self.whole, completed=self.state.step)
        self.progress.reset(self.task, total=self.steps, completed=self.done, description=description, metrics="")

    def on_train_batch_end(self, batch, logs=None):
        """Moves the bar."""
        self.progress.update(self.task, completed=self.done + batch + 1)
        self.progress.update(self.whole, completed=self.state.step)

    def read(self, logs):
        """Shows the means of the epoch so far."""
        text = f"loss {float(logs['loss']):.2f}  ab RMSE {float(logs['ab_rmse']):.2f}"
        self.progress.update(self.task, metrics=text)

    def on_epoch_end(self, epoch, logs):
        """Prints the epoch's line."""
        val = logs["val_ab_rmse"]
        star = "*" if self.state.best_epoch == epoch + 1 else " "
        self.progress.console.print(
            f"epoch {epoch + 1:>3}/{self.epochs}  loss {logs['loss']:5.2f}  ab RMSE {logs['ab_rmse']:5.2f}"
            f"  val {val:5.2f}{star} {logs['images_per_second']:4.0f} img/s"
            f"  wait {logs['input_wait_share']:.0%}",
            highlight=False,
        )
