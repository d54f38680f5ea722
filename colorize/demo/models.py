"""The models that the page offers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from colorize.errors import UserError
from colorize.hub import load_pipeline
from colorize.runs.model_file import BOX, PRETRAINED, read_about

if TYPE_CHECKING:
    from colorize.inference.pipeline import ColorizationPipeline


class ModelChoices:
    """Models that can be chosen, each loaded when it is first asked for.

    Args:
        choices: name, as `find_model` takes it -> what the page calls it; not empty.
        tracking: MLflow that knows them; None: the one by default.
    """

    def __init__(self, choices: dict[str, str], tracking: str | None):
        self.choices, self.tracking = choices, tracking
        self._loaded: dict[str, ColorizationPipeline] = {}
        self._lock = threading.Lock()

    def pipeline(self, name: str):
        """A `ColorizationPipeline`.

        Raises:
            UserError: the model is no longer there, or damaged.
        """
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = load_pipeline(name, None, "bilinear", None, self.tracking)
            return self._loaded[name]


def models_for(names: list[str], tracking: str | None) -> tuple[ModelChoices, list[str]]:
    """The models that were named; else all registered ones, the champions first, and the one in the box.

    Returns:
        the models, of which the first can be loaded; and sentences about registered ones before it that cannot.
    Raises:
        UserError: the first of those that were named cannot be loaded.
    """
    if names:
        models = ModelChoices({name: name for name in names}, tracking)
        models.pipeline(names[0])  # what is wrong is reported here, and not on the page
        return models, []
    from colorize.tracking.client import StoredRuns

    box = {PRETRAINED: read_about(BOX).description}
    models, refused = ModelChoices(StoredRuns(tracking).registered() | box, tracking), []
    for name, called in list(models.choices.items()):
        try:
            models.pipeline(name)
            break
        except UserError as error:  # anybody's model may be in a registry
            refused.append(f"{called} is left out: {error}")
            del models.choices[name]
    return models, refused
