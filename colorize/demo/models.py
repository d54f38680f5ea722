"""The models that the page offers."""

import threading
from pathlib import Path

from colorize.errors import UserError
from colorize.finding import newest_run
from colorize.painting.loading import load_painter


class Models:
    """Models that can be chosen, each loaded when it is first asked for.

    Args:
        choices: name, as `find_model` takes it -> what the page calls it; not empty.
        tracking: MLflow that knows them; None: the one by default.
    """

    def __init__(self, choices: dict[str, str], tracking: str | None):
        self.choices, self.tracking = choices, tracking
        self._loaded, self._lock = {}, threading.Lock()

    def painter(self, name: str):
        """A `Painter`.

        Raises:
            UserError: the model is no longer there, or damaged.
        """
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = load_painter(name, None, "bilinear", None, self.tracking)
            return self._loaded[name]


def models_for(names: list[str], tracking: str | None) -> tuple[Models, list[str]]:
    """The models that were named; else all registered ones, the champions first; else the run that finished last.

    Returns:
        the models, of which the first can be loaded; and sentences about registered ones before it that cannot.
    Raises:
        UserError: there is none, or the first of those that were named cannot be loaded.
    """
    refused = []
    if not names:
        from colorize.tracking.stored import StoredRuns

        models = Models(StoredRuns(tracking).registered(), tracking)
        for name, called in list(models.choices.items()):
            try:
                models.painter(name)
                return models, refused
            except UserError as error:  # anybody's model may be in a registry
                refused.append(f"{called} is left out: {error}")
                del models.choices[name]
    choices = {name: name for name in names}
    if not choices:
        newest = str(newest_run(Path.cwd()))
        choices = {newest: f"{newest}, which finished last"}
    models = Models(choices, tracking)
    models.painter(next(iter(choices)))  # what is wrong is told here, and not on the page
    return models, refused
