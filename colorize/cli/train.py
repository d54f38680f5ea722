"""`train.py`: one job, from what Hydra composed to the last lines on the screen."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from rich.console import Console

from colorize import environment
from colorize.cli.command_line import check_command_line
from colorize.config.base import CONFIGS
from colorize.config.schema import Config
from colorize.console import be_silent, fail_if_mistake, say, show
from colorize.errors import UserError
from colorize.runs.layout import CONTACT_SHEET, DEPENDENCY_MAP, RESULT, SHAPES, remove_if_unused
from colorize.runs.model_file import MODEL
from colorize.tracking.uri import ui_command
from colorize.training.result import Result

if TYPE_CHECKING:
    from colorize.distribution.processes import Processes
    from colorize.training.signals import StopSignals


def main(arguments: list[str]) -> None:
    """Trains as a command line asks for: one job, or several with `-m`."""
    environment.prepare()
    try:
        sys.argv[1:] = check_command_line(arguments)
    except Exception as error:
        fail_if_mistake(error)
        raise
    hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="train")(job)()


def job(composed: DictConfig) -> float:
    """Runs one job of Hydra's; in a sweep, a failure is noted and the others go on.

    Returns:
        the ab RMSE on the validation photos, which a search may minimise.
    """
    from colorize.cli.sweep import metrics_of_finished, note_failure, parent_of
    from colorize.training.resume import has_checkpoint

    hydra_config = HydraConfig.get()
    folder, is_swept = Path(hydra_config.runtime.output_dir), hydra_config.mode is RunMode.MULTIRUN
    try:
        if is_swept and (before := metrics_of_finished(folder)):
            return before["ab_rmse"]
        parent = parent_of(folder) if is_swept else None
        if is_swept and has_checkpoint(folder):  # of a sweep that was stopped
            composed.resume = str(folder)
        return train(composed, folder, list(hydra_config.overrides.task), parent).metrics["ab_rmse"]
    except Exception as error:
        if is_swept:
            return note_failure(folder, error)
        if _is_first(composed):
            remove_if_unused(folder)
        fail_if_mistake(error)
        raise


def _is_first(composed: DictConfig) -> bool:
    """Whether this is the first of several processes, which may have one folder of Hydra's."""
    from colorize.distribution.processes import processes_of

    try:
        return processes_of(composed.trainer.hosts).is_first
    except UserError:
        return True


def train(composed: DictConfig, folder: Path, overrides: list[str], parent: str | None) -> Result:
    """What is quick comes first: a wrong configuration or folder is reported before Keras starts."""
    from colorize import backend
    from colorize.config.compose import to_config
    from colorize.distribution.processes import processes_of
    from colorize.evaluation import check_perceptual
    from colorize.runs import layout
    from colorize.tracking.uri import noted
    from colorize.training.resume import resumed
    from colorize.training.signals import StopSignals

    started = time.perf_counter()
    config = resumed(folder, overrides) if composed.resume else to_config(composed)
    check_perceptual(config.evaluation)
    backend.check_device(config.backend, config.trainer.device)
    processes = processes_of(config.trainer.hosts)
    if processes.number > 1 and config.backend != "jax":
        raise UserError(f"backend={config.backend} trains in one process, and here are {processes.number}: backend=jax")
    if not composed.resume:
        config = layout.with_whole_paths(noted(config))
        layout.check_init(config.init)
        if processes.is_first:
            layout.check_unused(folder)
    own = folder if processes.is_first else layout.private_copy(folder)
    if not processes.is_first:
        be_silent()
    photos = config.data.root or config.data.name
    say(Console(), f"reading the photos of {photos}, then {config.backend} starts; the output goes into {folder}")
    try:
        with StopSignals() as signals, layout.locked(own):
            result = _train(config, processes, own, overrides, parent, signals, started, bool(composed.resume))
    except UserError as error:  # with the name of the folder that people know
        raise UserError(str(error).replace(str(own), str(folder))) from None
    finally:
        if not processes.is_first:
            shutil.rmtree(own, ignore_errors=True)
    if not processes.is_first:
        remove_if_unused(folder)
    return result


def _train(
    config: Config, processes: Processes, folder: Path, overrides: list[str], parent: str | None, signals: StopSignals,
    started: float, resume: bool,
) -> Result:  # fmt: skip
    from colorize import backend
    from colorize.data.load import read_dataset
    from colorize.distribution.cards import take_cards
    from colorize.distribution.watch import Watch
    from colorize.runs import layout
    from colorize.tracking.open_tracker import open_tracker
    from colorize.training.resume import check_photos
    from colorize.training.signals import Stopped

    dataset = read_dataset(config.data, manifest=None if resume else folder / layout.PHOTOS)
    if resume:
        check_photos(folder, dataset)
    tracker = open_tracker(config, folder, parent, processes.is_first)
    try:
        if config.trainer.device == "gpu" and processes.number == 1:  # several are told which card is whose
            take_cards(config.trainer.devices)
        device = backend.start(config.backend, config.trainer.device, config.trainer.devices, processes)
        from colorize.training.run import run

        def note_end() -> None:
            tracker.finish("FAILED")
            if not processes.is_first:
                shutil.rmtree(folder, ignore_errors=True)

        with Watch(processes, note_end, tracker.measured) as watch:
            tracker.measure(watch.tell)
            given = config, dataset, device, tracker, signals, folder, overrides, started, resume
            result = run(*given, watch.release)
        print_result(result, config, folder, tracker.page)
    except BaseException as error:  # before `run` could end the tracker itself
        tracker.finish("KILLED" if isinstance(error, Stopped) else "FAILED")
        if isinstance(error, Stopped) and not processes.is_first:
            error.left = "the first process says what is kept"
        raise
    finally:
        tracker.tell()
    return result


def print_result(result: Result, config: Config, folder: Path, page: str | None) -> None:
    """Prints the table beside the baselines, the folder, and the commands that show and use the model.

    Args:
        page: of the run in MLflow, see `Tracker.page`.
    """
    console = Console()
    show(console, result.table())
    left = [name for name in (RESULT, CONTACT_SHEET, SHAPES, DEPENDENCY_MAP, MODEL) if (folder / name).exists()]
    shown = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else folder
    lines = [
        f"ab RMSE is {result.gain_in_words()}; {result.seconds:.0f} s, {result.images_per_second:.0f} images/s,"
        f" input wait {result.input_wait_share:.1%}",
        f"results   {shown}: {', '.join(left)}",
        f"paint     python -m colorize paint PHOTO_OR_FOLDER... --model {quote(str(shown))} --out painted",
        f"evaluate  python -m colorize evaluate {quote(str(shown))}",
    ]
    if page:
        lines.append(f"look      {ui_command(config, page)}".replace("\n", "\n" + " " * 10))
    for line in lines:
        say(console, line)
