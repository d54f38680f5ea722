"""The models that the page offers."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from colorize.errors import UserError
from colorize.hub import load_pipeline
from colorize.runs.model_file import PRETRAINED, init_path, read_about

if TYPE_CHECKING:
    from colorize.inference.pipeline import ColorizationPipeline
    from colorize.inference.predict import ResizeMode
    from colorize.inference.upsampling import Upsampling


class Settings(NamedTuple):
    """How photos are painted; another one asks the model again.

    Attributes:
        model: name, as `find_model` takes it.
        resize_mode: None: as the model was trained.
        upsampling: of the colours to the photo's size.
        temperature: None: the model's own, or it has none.
    """

    model: str
    resize_mode: ResizeMode | None = None
    upsampling: Upsampling = "bilinear"
    temperature: float | None = None


MOST_LOADED = 3
"""Pipelines that are kept: each holds a network of its own."""


class ModelChoices:
    """Models that can be chosen, each loaded when it is first asked for.

    Args:
        choices: name, as `find_model` takes it -> what the page calls it; not empty.
        tracking: MLflow that knows them; None: the one by default.
    """

    def __init__(self, choices: dict[str, str], tracking: str | None):
        self.choices, self.tracking = choices, tracking
        self._loaded: dict[Settings, ColorizationPipeline] = {}
        self._temperatures: dict[str, float | None] = {}
        self._lock = threading.Lock()

    def pipeline(self, settings: Settings) -> ColorizationPipeline:
        """What paints by these settings.

        Raises:
            UserError: the model is no longer there, or damaged.
        """
        with self._lock:
            pipeline = self._loaded.pop(settings, None)
            if pipeline is None:
                name, resize_mode, upsampling, temperature = settings
                pipeline = load_pipeline(name, resize_mode, upsampling, temperature, self.tracking)
            self._loaded[settings] = pipeline  # the last one that was asked for
            while len(self._loaded) > MOST_LOADED:
                del self._loaded[next(iter(self._loaded))]
            return pipeline

    def temperature(self, name: str) -> float | None:
        """The one that a model was made with; None: it predicts one colour, and has none."""
        if name not in self._temperatures:
            self._temperatures[name] = self.pipeline(Settings(name)).temperature
        return self._temperatures[name]


def models_for(names: list[str], tracking: str | None) -> tuple[ModelChoices, list[str]]:
    """The models that were named; else all registered ones, the champions first, and the one in the box.

    Returns:
        the models, of which the first can be loaded; and sentences about registered ones before it that cannot.
    Raises:
        UserError: the first of those that were named cannot be loaded.
    """
    if names:
        models = ModelChoices({name: _called(name) for name in names}, tracking)
        models.pipeline(Settings(names[0]))  # what is wrong is reported here, and not on the page
        return models, []
    from colorize.tracking.client import StoredRuns

    box = {PRETRAINED: _called(PRETRAINED)}
    models, refused = ModelChoices(StoredRuns(tracking).registered() | box, tracking), []
    for name, called in list(models.choices.items()):
        try:
            models.pipeline(Settings(name))
            break
        except UserError as error:  # anybody's model may be in a registry
            refused.append(f"{called} is left out: {error}")
            del models.choices[name]
    return models, refused


def _called(name: str) -> str:
    """A model by its name, photos, epochs and date, where its file is on this machine; else as it was asked for."""
    if name != PRETRAINED and not Path(name).exists():
        return name
    return read_about(init_path(name)).description
