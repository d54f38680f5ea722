"""What is reported of a run, at its start and at its end: on the screen, in its folder, in the tracker."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console

from colorize.backend import Device
from colorize.config.base import flat
from colorize.config.schema import Config
from colorize.console import say
from colorize.data.dataset import Dataset
from colorize.data.load import advice
from colorize.evaluation.report import Evaluation
from colorize.inspection.shape_report import write_shapes
from colorize.models.colorizer import Network
from colorize.runs import layout
from colorize.runs.layout import CONFIG
from colorize.runs.model_file import MODEL
from colorize.runs.provenance import git_state, versions
from colorize.tracking.tracker import Tracker
from colorize.tracking.views import BEST
from colorize.training.feature_cache import note_about_features
from colorize.training.result import Result


class RunLog:
    """Tells of one run.

    Args:
        config: with every size settled.
        match: what was found for `fusion.match_parameters_of`, in words; empty where nothing was asked.
    """

    def __init__(
        self, config: Config, match: str, dataset: Dataset, device: Device, network: Network, folder: Path,
        tracker: Tracker, console: Console,
    ):  # fmt: skip
        self.config, self.match, self.dataset, self.device, self.network = config, match, dataset, device, network
        self.folder, self.tracker, self.console = folder, tracker, console

    def start(self, overrides: list[str], first_batch: np.ndarray) -> None:
        """Everything that is known before the first step.

        Args:
            overrides: of the command line.
            first_batch: uint8 (B, H, W, 3), for the shape report.
        """
        config, dataset, tracker, parameters = (
            self.config,
            self.dataset,
            self.tracker,
            self.network.model.count_params(),
        )
        layout.save_config(config, self.folder)
        tracker.parameters(_shown(flat(config.stored())))
        tracker.parameters({"model.parameters": parameters, "data.digest": dataset.digest})
        tracker.parameters({"model.fusion_parameters": self.network.parameters("fusion")})
        tracker.tags({**git_state(), **flat({"device": self.device.facts, "version": versions()})})
        tracker.tags({"overrides": " ".join(overrides) or "none"})
        tracker.description(len(dataset.train), parameters)
        tracker.file(self.folder / CONFIG)
        self._photos()
        self._shapes(first_batch)
        some = self.network.frozen is not None and self.device.processes.number == 1  # else none are kept
        notes = [*filter(None, [self.match]), *note_about_features(config, some)]
        for line in [*dataset.summary(), *advice(config.data, dataset), *notes]:
            say(self.console, line)
        for_test = f", {len(dataset.test):,} for evaluate alone" if dataset.test else ""
        self.console.print(
            f"{len(dataset.train):,} photos to train on, {len(dataset.val):,} for validation{for_test} ({dataset.name},"
            f" digest {dataset.digest}); {config.encoder.name} + {config.fusion.name}, {parameters:,} parameters;"
            f" {config.backend} on {self.device}",
            highlight=False, soft_wrap=True,
        )  # fmt: skip

    def _photos(self) -> None:
        for part in ("train", "val"):
            photos = self.dataset.part(part)
            self.tracker.parameters({f"data.photos_{part}": len(photos)})
            shape = len(photos), self.config.data.height, self.config.data.width, 3
            self.tracker.dataset(shape, self.config.data.label, self.dataset.source, photos.digest, part)
        if (self.folder / layout.PHOTOS).exists():
            self.tracker.file(self.folder / layout.PHOTOS)

    def _shapes(self, first_batch: np.ndarray) -> None:
        rows = [asdict(row) for row in write_shapes(self.network, first_batch, self.folder).rows]
        self.tracker.table({name: [row[name] for row in rows] for name in rows[0]}, "shapes/shapes.json")
        for name in (layout.SHAPES, layout.DEPENDENCY_MAP):
            self.tracker.file(self.folder / name, "shapes")

    def end(self, result: Result, evaluation: Evaluation, place: Path) -> None:
        """The metrics, the evaluation in its folder, the model; then `result.json`, with which the run is finished."""
        config = self.config
        headline = evaluation.headline()
        cost = {"seconds": result.seconds, "peak_memory_bytes": result.peak_memory_bytes}
        numbers = {f"{BEST}/{name}": value for name, value in headline.items()}
        numbers |= {f"train/{name}": float(value) for name, value in cost.items() if value}
        self.tracker.metrics(numbers, step=result.epochs)
        if (self.folder / layout.HISTORY).exists():  # not of a run that ended within its first epoch
            self.tracker.file(self.folder / layout.HISTORY)
        self.tracker.folder(place, f"evaluation/{place.name}")
        about = {"encoder": config.encoder.name, "fusion": config.fusion.name, "head": config.head.name}
        self.tracker.model(
            self.folder / MODEL,
            {**about, "data": config.data.name, "seed": config.seed, "parameters": result.parameters},
            [f"{BEST}/{name}" for name in headline],
            result.metrics["ab_rmse"],
            {"name": f"{config.data.label} val", "digest": evaluation.digest},
            result.epochs,
        )
        self.tracker.description(
            len(self.dataset.train), result.parameters, result.markdown(), max(result.epochs, result.best_epoch)
        )
        self.tracker.file(result.save(self.folder))


def _shown(values: dict) -> dict:
    """Parameters that say something of a run: those that are set, and none of the tracker's own."""
    return {key: value for key, value in values.items() if value is not None and not key.startswith("tracking.")}
