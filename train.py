"""Trains a colorizer: `python train.py [GROUP=OPTION] [KEY=VALUE]`; `python train.py --help` lists both."""

import sys
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from colorize.command_line import check_command_line, fail
from colorize.errors import UserError
from colorize.sweep import note_failure, parent_of

STARTS = [time.perf_counter()]  # of the program; in a sweep, the jobs after the first start their own clock


@hydra.main(version_base="1.3", config_path="configs", config_name="train")
def main(composed: DictConfig) -> float:
    """One job: returns the ab RMSE on the validation photos, which a search may minimise."""
    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    try:
        parent = parent_of(folder) if job.mode is RunMode.MULTIRUN else None
        return train(composed, folder, list(job.overrides.task), parent)
    except Exception as error:
        if job.mode is RunMode.MULTIRUN:
            return note_failure(folder, error)
        if isinstance(error, UserError):
            fail(error)
        raise


def train(composed: DictConfig, folder: Path, overrides: list[str], parent: str | None) -> float:
    """What is quick comes first: a wrong configuration or folder is told before Keras starts."""
    from colorize import backend, run_folder
    from colorize.composing import to_config
    from colorize.data.sources import read_dataset
    from colorize.evaluation import check_perceptual
    from colorize.resume import check_photos, resumed
    from colorize.signals import Stopped, StopSignals
    from colorize.tracking.tracker import open_tracker

    started = STARTS.pop() if STARTS else time.perf_counter()
    config = resumed(folder, overrides) if composed.resume else to_config(composed)
    check_perceptual(config.evaluation)
    if not composed.resume:
        run_folder.check_unused(folder)
        run_folder.check_init(config.init)
    with StopSignals() as signals, run_folder.locked(folder):
        if composed.resume:
            dataset = read_dataset(config.data)
            check_photos(folder, dataset)
        else:
            dataset = read_dataset(config.data, manifest=folder / run_folder.PHOTOS)
        tracker = open_tracker(config, folder, parent)
        try:
            device = backend.start(config.backend, config.trainer.device)
            from colorize.screen import print_result
            from colorize.training import run

            result = run(config, dataset, device, tracker, signals, folder, overrides, started, bool(composed.resume))
            print_result(result, config, folder)
        except BaseException as error:  # before `run` could end the tracker itself
            tracker.finish("KILLED" if isinstance(error, Stopped) else "FAILED")
            raise
        finally:
            tracker.tell()
    return result.metrics["ab_rmse"]


if __name__ == "__main__":
    sys.argv[1:] = check_command_line(sys.argv[1:])
    main()
