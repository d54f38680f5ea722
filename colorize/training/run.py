"""A run from photos to result: build, fit, evaluate, keep."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from traceback import clear_frames

import keras
from rich.console import Console

from colorize.backend import Device, is_out_of_memory, peak_memory_bytes
from colorize.config.base import flat
from colorize.config.model import BinsHead
from colorize.config.schema import Config
from colorize.console import say
from colorize.data.batches import Batches
from colorize.data.dataset import Dataset
from colorize.distribution.devices import on_all_devices
from colorize.errors import UserError
from colorize.evaluation.evaluate import EvaluatedModel, evaluate, learned_baselines
from colorize.evaluation.report import OURS
from colorize.inference.predict import predictor
from colorize.models.backbone import with_digest
from colorize.models.color_bins import Bins, bins_for
from colorize.models.colorizer import Colorizer, build_network
from colorize.models.match_parameters import matched_fusion
from colorize.runs import layout
from colorize.runs.atomic import CANNOT_WRITE, WriteErrors
from colorize.runs.layout import CHECKPOINTS, LAST, load_config, resume_command, way_on
from colorize.runs.model_file import MODEL, About, init_path, read_about, shared
from colorize.runs.provenance import versions
from colorize.runs.weights import save_model
from colorize.tracking.tracker import Tracker
from colorize.training.batch_size import out_of_memory, with_batch_size
from colorize.training.callbacks import Validation
from colorize.training.device_augmentation import device_augmentation
from colorize.training.feature_cache import FeatureCache, caches_features, frozen_part
from colorize.training.learner import Learner
from colorize.training.loop import TrainingLoop
from colorize.training.optimizer import build_optimizer
from colorize.training.overfit import check_fallen, lowest_loss, one_batch, without_dropout
from colorize.training.result import Result
from colorize.training.resume import allowed, facts
from colorize.training.run_log import RunLog
from colorize.training.signals import Stopped, StopSignals
from colorize.training.state import TrainState, digest_of_state
from colorize.training.warm_start import take_weights


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
    after_steps: Callable[[], object] = lambda: None,
) -> Result:
    """Trains, evaluates and logs; leaves config, weights, comparison grids and `result.json` in the output folder.

    Args:
        config: the validated configuration.
        dataset: the photos, read already, so that a wrong folder is reported before Keras starts.
        device: what `backend.start` found.
        tracker: opened already, so that its database is made ready while Keras starts.
        signals: within its context.
        folder: the output folder; it exists.
        overrides: of the command line, for the log.
        started: `time.perf_counter()` at the start of the program.
        resume: whether the run in the folder goes on.
        after_steps: called when nothing follows that other processes would wait for.
    Raises:
        Stopped: SIGINT or SIGTERM came; the weights so far are kept and the MLflow run is marked KILLED.
    """
    status, match = "FAILED", None if resume else matched_fusion(config)
    config = config.model_copy(update={"fusion": match.fusion}) if match else config
    run: _Run | None = None
    try:
        tracker.start()
        found = load_config(folder).data.batch_size if resume else None
        config = with_batch_size(config, dataset, device, found)
        device.processes.check_same(lambda: facts(config, dataset, device))
        run = _Run(config, str(match or ""), dataset, device, folder, tracker, signals, started)
        signals.raise_if_received()
        if resume:
            run.go_on()
        elif config.init:
            say(run.console, take_weights(run.network.model, config.init))
        if tracker.is_new or not resume:
            run.log.start(overrides, run.first_batch)
        run.cache_features()
        signals.raise_if_received()
        run.loop.after_steps = after_steps
        run.note_loss_before()
        run.loop.run()
        result = run.finish()
        run.check_overfit()
        status = "FINISHED"
        return result
    except Stopped as stopped:
        status = "KILLED"
        kept = [name for name in (CHECKPOINTS, LAST, MODEL) if (folder / name).exists()]
        if kept:
            stopped.left = f"kept in {folder}: {', '.join(kept)}. To go on: {resume_command(folder)}"
        raise
    except OSError as error:
        if error.errno not in CANNOT_WRITE:
            raise
        raise UserError(
            f"{folder} cannot be written: {error.strerror}. Make space, or give leave, then {way_on(folder)}"
        ) from None
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        run = None
        clear_frames(error.__traceback__)  # whose networks would fill the memory
        raise out_of_memory(config, dataset, device) from None
    finally:
        tracker.finish(status)


class _Run:
    """The parts of one run and its three acts."""

    def __init__(
        self, config: Config, match: str, dataset: Dataset, device: Device, folder: Path, tracker: Tracker,
        signals: StopSignals, started: float,
    ):  # fmt: skip
        self.config = config = with_digest(config)  # so that the weights that are loaded are checked to be those
        overfit_steps, batch_size = config.trainer.overfit_steps, config.data.batch_size
        assert isinstance(batch_size, int)  # `with_batch_size`
        if overfit_steps:
            dataset = one_batch(dataset, batch_size, overfit_steps)
        self.dataset, self.device = dataset, device
        self.folder, self.tracker, self.signals, self.console = folder, tracker, signals, Console()
        keras.utils.clear_session()  # of an earlier job of the same process
        keras.utils.set_random_seed(config.seed)
        data, trainer = config.data, config.trainer
        batches = Batches(dataset.train, data.height, data.width, batch_size, data.augmentation, config.seed)
        batches.is_shuffled, batches.own = not overfit_steps, device.processes.own(batch_size)
        begun_with = self._begun_with()
        self.bins = self._bins(begun_with)
        with on_all_devices(device):
            self.network = build_network(self._without_known_weights(begun_with), self.bins)
            if overfit_steps:
                without_dropout(self.network)
            self.colorizer = Colorizer(self.network)
            self.learner = Learner(self.network, device_augmentation(data, batches, device))
            self.learner.compile(optimizer=self._optimizer(batches.steps_per_epoch))
        self.log = RunLog(config, match, dataset, device, self.network, folder, tracker, self.console)
        self.batches, self.about = batches, self._about()
        self.first_batch = batches.batch(0)
        write_errors = WriteErrors()
        self.state = TrainState(self.learner, config=flat(config.stored()), data_digest=dataset.digest)
        validation = Validation(
            self.state, self.colorizer, dataset.val, folder, tracker, trainer, write_errors, self.save_model,
            device.processes,
        )  # fmt: skip
        self.loop = TrainingLoop(
            config, self.state, self.learner, batches, validation, folder, device, tracker, signals, write_errors,
            self.console, started,
        )  # fmt: skip

    def save_model(self, path: Path) -> None:
        """Writes the network as it is, with what is known of it."""
        save_model(self.colorizer, path, self.about)

    def _optimizer(self, steps_per_epoch: int) -> keras.optimizers.Optimizer:
        factor = self.config.encoder.rate_factor
        slow = (self.network.encoder_variables, factor) if factor is not None else ()
        return build_optimizer(self.config.optimizer, self.config.trainer.epochs, steps_per_epoch, *slow)

    def _begun_with(self) -> About | None:
        """The model that the run begins with: its own, where it goes on, also when that of `init` is gone by now."""
        last, init = self.folder / LAST, self.config.init
        if last.is_file():
            with suppress(UserError):  # damaged: the weights are in the checkpoints, and the rest in `init`
                return read_about(last)
        return read_about(init_path(init)) if init else None

    def _without_known_weights(self, begun_with: About | None) -> Config:
        """The configuration without ImageNet's weights of an encoder that the model has which the run begins with."""
        encoder = self.config.encoder
        if begun_with is None or begun_with.config["encoder"]["name"] != encoder.name:
            return self.config
        return self.config.model_copy(update={"encoder": encoder.without_weights()})

    def _bins(self, begun_with: About | None) -> Bins | None:
        """Those of the model that the run begins with, where it has some: its head knows no others."""
        head = self.config.head
        if begun_with is None or not isinstance(head, BinsHead) or head.bins != "train":
            return bins_for(head, self.dataset.train)
        if begun_with.bins and begun_with.config["head"].get("grid") == head.grid:
            return Bins.of_rows(begun_with.bins)
        return bins_for(head, self.dataset.train)

    def _about(self) -> About:
        dataset = self.dataset
        return About(
            name=self.folder.name, date=date.today().isoformat(), config=shared(self.config),
            bins=self.bins.rows() if self.bins else None, data=dataset.name, data_digest=dataset.digest,
            photos={"train": len(dataset.train), "val": len(dataset.val)}, versions=versions(),
        )  # fmt: skip

    def cache_features(self) -> None:
        """Computes the features of the frozen part, where they can be cached; its weights are settled by then."""
        config, dataset, frozen = self.config, self.dataset, self.network.frozen
        part = frozen_part(config)
        several = self.device.processes.number > 1  # each of which would compute all of them
        if several or frozen is None or part is None or not caches_features(config):
            return
        cache, flips = getattr(config.data, "cache", None), config.data.augmentation.flip_probability > 0
        instead = f"; or keep none: {part[0]}.cache=false"
        self.batches.features = FeatureCache(frozen, dataset.train, cache, flips, instead)
        self.loop.validation.features = FeatureCache(frozen, dataset.val, cache, False, instead)

    def note_loss_before(self) -> None:
        """Remembers the loss of the one batch that is to be learned by heart."""
        if self.config.trainer.overfit_steps and not self.state.step:
            told = self.learner.test_on_batch(self.batches.batch(0), return_dict=True)
            self.state.loss_before = float(told["loss"])

    def check_overfit(self) -> None:
        """Says how far it was learned.

        Raises:
            UserError: not far enough.
        """
        state = self.state
        if self.config.trainer.overfit_steps:
            after, lowest = state.history[-1]["val_loss"], lowest_loss(self.network, self.batches.batch(0))
            say(self.console, check_fallen(state.loss_before, after, lowest, state.step))

    def go_on(self) -> None:
        """Takes up the run that is in the folder.

        Raises:
            UserError: none of its checkpoints can be used.
        """
        before = flat(load_config(self.folder).stored())
        checkpoint = self.loop.newest()
        self.device.processes.check_same(lambda: {"checkpoint": digest_of_state(checkpoint)})
        self.loop.load(checkpoint)
        layout.save_config(self.config, self.folder)
        changes = allowed(before, flat(self.config.stored()))
        if changes or (self.folder / layout.RESULT).exists():  # of a run that is told of, and goes on all the same
            self.tracker.forget()
        for line in changes:
            say(self.console, f"changed: {line}; what follows is not what it would have been")
        epochs = self.config.trainer.epochs
        text = f"step {self.state.step}, epoch {min(self.state.epoch + 1, epochs)} of {epochs}"
        say(self.console, f"the run in {self.folder} goes on from its checkpoint at {text}")
        self.tracker.tags({f"resumed.{self.state.step}": "; ".join([text, *changes])})

    def finish(self) -> Result:
        """Evaluates the best weights beside the baselines and writes the result."""
        state, network = self.state, self.network.model
        for variable in network.weights:
            variable.assign(state.best_weights[variable.path])
        self.loop.after_steps()
        self.signals.raise_if_received()
        epochs = max(state.epoch, state.best_epoch)  # one that ended in its middle counts
        chosen_by = f"The checkpoint is the best of {epochs} epochs by these same photos."
        predict = predictor(self.colorizer.predict_on_batch, self.config.evaluation.flip_tta)
        model = EvaluatedModel(predict, str(self.folder), network, chosen_by)
        baselines = learned_baselines(self.dataset, "val")
        out = self.folder / layout.EVALUATION
        evaluation, place = evaluate(model, self.config, self.dataset, "val", out, baselines)
        known = {"metrics": evaluation.metrics, "truth": evaluation.truth, **baselines.tables, "epochs": epochs}
        self.about = self.about.model_copy(update=known)
        self.save_model(self.folder / MODEL)
        self.tracker.flush()  # so that the share below leaves out no more than the few calls after it
        self.loop.count_seconds()
        result = Result(
            metrics=evaluation.metrics[OURS],
            baselines=evaluation.baselines,
            truth=evaluation.truth,
            best_epoch=state.best_epoch,
            epochs=state.epoch,
            images_per_second=state.images / state.seconds_training,
            seconds=state.seconds,
            input_wait_share=state.seconds_waiting / state.seconds_training,
            tracking_share=state.seconds_tracking / state.seconds,
            checkpoint_share=state.seconds_saving / state.seconds,
            parameters=network.count_params(),
            frozen_parameters=self.network.frozen_parameters,
            fusion_parameters=self.network.parameters("fusion"),
            photos={"train": len(self.dataset.train), "val": len(self.dataset.val)},
            data_digest=self.dataset.digest,
            device=self.device.facts,
            peak_memory_bytes=peak_memory_bytes(self.device),
            versions=versions(),
            mlflow_run_id=self.tracker.run_id,
        )
        self.log.end(result, evaluation, place)
        return result
