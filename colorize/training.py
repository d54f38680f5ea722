"""A run from photos to result: build, fit, evaluate, keep."""

import errno
from dataclasses import asdict
from pathlib import Path

import keras
from rich.console import Console

from colorize import run_folder
from colorize.backend import Device, peak_memory_bytes, versions
from colorize.callbacks import Validation
from colorize.config import Config, PretrainedBackbone
from colorize.config.sizes import match_of
from colorize.data.batches import Batches
from colorize.data.photos import Dataset
from colorize.embeddings import Embeddings, keeps_embeddings, note_of_embeddings
from colorize.errors import UserError
from colorize.evaluation.judge import Subject, judge
from colorize.evaluation.report import OURS, Evaluation
from colorize.files import Attempts
from colorize.fitting import Fitting
from colorize.init import take_weights
from colorize.models.backbone import with_digest
from colorize.models.bins import bins_for
from colorize.models.colorizer import Colorizer, Learner, build_network, rgb_of
from colorize.optimizer import build_optimizer
from colorize.painting.prediction import predictor
from colorize.progress import say
from colorize.record import flat, git_state
from colorize.report import write_shapes
from colorize.result import Result
from colorize.resume import allowed
from colorize.run_folder import BEST, BINS, CHECKPOINTS, CONFIG, LAST, load_config, resume_command
from colorize.signals import Stopped, StopSignals
from colorize.tracking.tracker import Tracker

CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
"""A full disk, in its several words, and a folder that may not be written."""


def run(
    config: Config,
    dataset: Dataset,
    device: Device,
    tracker: Tracker,
    signals: StopSignals,
    folder: Path,
    overrides: list[str],
    started: float,
    resume: bool = False,
) -> Result:
    """Trains, evaluates and logs; leaves config, weights, strips and `result.json` in the output folder.

    Args:
        config: the validated configuration.
        dataset: the photos, read already, so that a wrong folder is told before Keras starts.
        device: what `backend.start` found.
        tracker: opened already, so that its database is made ready while Keras starts.
        signals: within its context.
        folder: the output folder; it exists.
        overrides: of the command line, for the log.
        started: `time.perf_counter()` at the start of the program.
        resume: whether the run in the folder goes on.
    Raises:
        Stopped: SIGINT or SIGTERM came; the weights so far are kept and the MLflow run is marked KILLED.
    """
    status = "FAILED"
    try:
        tracker.start()
        run = _Run(config, dataset, device, folder, tracker, signals, started)
        if resume:
            run.go_on()
        elif config.init:
            say(run.console, take_weights(run.network.model, Path(config.init)))
        if tracker.is_new or not resume:
            run.log_start(overrides)
        run.fitting.run()
        result = run.finish()
        status = "FINISHED"
        return result
    except Stopped as stopped:
        status = "KILLED"
        kept = [name for name in (CHECKPOINTS, LAST, BEST) if (folder / name).exists()]
        if kept:
            stopped.left = f"kept in {folder}: {', '.join(kept)}. To go on: {resume_command(folder)}"
        raise
    except OSError as error:
        if error.errno not in CANNOT_WRITE:
            raise
        raise UserError(
            f"{folder} cannot be written: {error.strerror}. Make space, or give leave; what was trained is kept in"
            f" {CHECKPOINTS}/: {resume_command(folder)}"
        ) from None
    finally:
        tracker.finish(status)


class _Run:
    """The parts of one run and its three acts."""

    def __init__(
        self, config: Config, dataset: Dataset, device: Device, folder: Path, tracker: Tracker,
        signals: StopSignals, started: float,
    ):  # fmt: skip
        self.config = config = with_digest(config)  # so that the weights that are loaded are checked to be those
        self.dataset, self.device = dataset, device
        self.folder, self.tracker, self.console = folder, tracker, Console()
        keras.utils.clear_session()  # of an earlier job of the same process
        keras.utils.set_random_seed(config.seed)
        data, trainer = config.data, config.trainer
        size = data.height, data.width
        batches = Batches(dataset.train, *size, data.batch_size, data.augmentation, config.seed)
        self.bins = bins_for(config.head, dataset.train)
        self.network = build_network(config, self.bins)
        self.colorizer, self.learner = Colorizer(self.network), Learner(self.network)
        embeddings = self._embeddings(batches)
        self.first_batch = batches.batch(0)
        self.learner.compile(optimizer=build_optimizer(config.optimizer, trainer.epochs, batches.steps_per_epoch))
        attempts = Attempts()
        validation = Validation(self.colorizer, dataset.val, folder, tracker, trainer, attempts, embeddings)
        self.fitting = Fitting(
            config, self.learner, batches, self.first_batch, validation, folder, dataset.digest, tracker, signals,
            attempts, self.console, started,
        )  # fmt: skip

    def _embeddings(self, batches: Batches) -> Embeddings | None:
        """Gives the batches the embeddings of their photos, where these can be kept; returns those of val."""
        config, dataset, backbone = self.config, self.dataset, self.network.backbone
        if backbone is None or not keeps_embeddings(config.backbone, config.data.augmentation):
            return None
        cache = getattr(config.data, "cache", None)
        flips = config.data.augmentation.flip > 0
        batches.embeddings = Embeddings(backbone, config.backbone, dataset.train, cache, mirrored=flips)
        return Embeddings(backbone, config.backbone, dataset.val, cache, mirrored=False)

    def log_start(self, overrides: list[str]) -> None:
        """Everything that is known before the first step: on the screen, in the folder, in the tracker."""
        config, dataset, tracker = self.config, self.dataset, self.tracker
        run_folder.save_config(config, self.folder)
        if self.bins:
            self.bins.save(self.folder / BINS)
        tracker.parameters(flat(config.stored()))
        tracker.parameters({"model.parameters": self.network.model.count_params(), "data.digest": dataset.digest})
        tracker.parameters({"model.fusion_parameters": self.network.trace.parameters("fusion")})
        tracker.tags({**git_state(), **flat({"device": asdict(self.device), "version": versions()})})
        tracker.tags({"overrides": " ".join(overrides) or "none"})
        tracker.description(len(dataset.train), self.network.model.count_params())
        tracker.file(self.folder / CONFIG)
        for part in ("train", "val"):
            photos = dataset.part(part)
            tracker.parameters({f"data.photos_{part}": len(photos)})
            shape = len(photos), config.data.height, config.data.width, 3
            tracker.dataset(shape, dataset.name, dataset.source, photos.digest, part)
        if (self.folder / run_folder.PHOTOS).exists():
            tracker.file(self.folder / run_folder.PHOTOS)
        self._log_shapes()
        for line in [*dataset.summary(), *self._notes()]:
            say(self.console, line)
        self.console.print(
            f"{len(dataset.train):,} photos to train on, {len(dataset.val):,} for validation ({dataset.name}, digest"
            f" {dataset.digest}); {config.encoder.name} + {config.fusion.name},"
            f" {self.network.model.count_params():,} parameters; {config.backend} on {self.device.name}",
            highlight=False, soft_wrap=True,
        )  # fmt: skip

    def _notes(self) -> list[str]:
        match, backbone = match_of(self.config), self.config.backbone
        notes = [str(match)] if match else []
        if isinstance(backbone, PretrainedBackbone):
            notes.append(note_of_embeddings(backbone, self.config.data.augmentation))
        return notes

    def _log_shapes(self) -> None:
        rows = [asdict(row) for row in write_shapes(self.network, rgb_of(self.first_batch), self.folder)]
        self.tracker.table({name: [row[name] for row in rows] for name in rows[0]}, "shapes/shapes.json")
        for name in (run_folder.SHAPES, run_folder.DEPENDENCY_MAP):
            self.tracker.file(self.folder / name, "shapes")

    def go_on(self) -> None:
        """Takes up the run that is in the folder.

        Raises:
            UserError: none of its checkpoints can be used.
        """
        before = flat(load_config(self.folder).stored())
        checkpoint = self.fitting.newest()
        self.fitting.go_on_from(checkpoint)
        counters = checkpoint.counters
        self.fitting.before = counters
        run_folder.save_config(self.config, self.folder)
        changes = allowed(before, flat(self.config.stored()))
        if changes:
            self.tracker.forget()
        for line in changes:
            say(self.console, f"changed: {line}; what follows is not what it would have been")
        epochs = self.config.trainer.epochs
        text = f"step {counters.step}, epoch {min(counters.epoch + 1, epochs)} of {epochs}"
        say(self.console, f"the run in {self.folder} goes on from its checkpoint at {text}")
        self.tracker.tags({f"resumed.{counters.step}": "; ".join([text, *changes])})

    def finish(self) -> Result:
        """Evaluates the best weights beside the baselines and writes the result."""
        fitting, network = self.fitting, self.network.model
        for variable in network.weights:
            variable.assign(fitting.validation.best_weights[variable.path])
        chosen_by = f"The checkpoint is the best of {self.config.trainer.epochs} epochs by these same photos."
        predict = predictor(self.colorizer.predict_on_batch, self.config.evaluation.mirror)
        subject = Subject(predict, str(self.folder), network, chosen_by)
        evaluation, place = judge(subject, self.config, self.dataset, "val", self.folder / run_folder.EVALUATION)
        self.tracker.flush()  # so that the share below leaves out no more than the few calls after it
        total = fitting.counters()
        result = Result(
            metrics=evaluation.metrics[OURS],
            baselines=evaluation.baselines,
            truth=evaluation.truth,
            best_epoch=total.best_epoch,
            epochs=total.epoch,
            images_per_second=total.images / total.seconds_training,
            seconds=total.seconds,
            input_wait_share=total.seconds_waiting / total.seconds_training,
            tracking_share=total.seconds_tracking / total.seconds,
            checkpoint_share=total.seconds_saving / total.seconds,
            parameters=network.count_params(),
            frozen_parameters=self.network.backbone.network.count_params() if self.network.backbone else 0,
            fusion_parameters=self.network.trace.parameters("fusion"),
            photos={"train": len(self.dataset.train), "val": len(self.dataset.val)},
            data_digest=self.dataset.digest,
            device=asdict(self.device),
            peak_memory_bytes=peak_memory_bytes(self.device),
            versions=versions(),
            mlflow_run_id=self.tracker.run_id,
        )
        self._log_end(result, evaluation, place)
        return result

    def _log_end(self, result: Result, evaluation: Evaluation, place: Path) -> None:
        config = self.config
        final = {**evaluation.flat_metrics(), "seconds": result.seconds}
        if result.peak_memory_bytes:
            final["peak_memory_bytes"] = result.peak_memory_bytes
        self.tracker.metrics({f"final/{name}": value for name, value in final.items()}, step=result.epochs)
        self.tracker.file(self.folder / run_folder.HISTORY)
        self.tracker.folder(place, f"evaluation/{place.name}")
        about = {"encoder": config.encoder.name, "fusion": config.fusion.name, "head": config.head.name}
        self.tracker.model(
            self.folder / BEST,
            {**about, "data": config.data.name, "seed": config.seed, "parameters": result.parameters},
            [f"final/{name}" for name in result.metrics],
            result.metrics["ab_rmse"],
            {"name": f"{self.dataset.name} val", "digest": evaluation.digest},
            result.epochs,
        )
        self.tracker.description(len(self.dataset.train), result.parameters, result.markdown())
        self.tracker.file(result.save(self.folder))  # last: with it, the run counts as finished
