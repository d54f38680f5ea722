"""The models that the page offers."""

import threading
from pathlib import Path

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


def models_for(names: list[str], tracking: str | None) -> Models:
    """The models that were named; else all registered ones; else the run that finished last.

    Raises:
        UserError: there is none, or the first of them cannot be loaded.
    """
    choices = {name: name for name in names}
    if not choices:
        from colorize.tracking.stored import StoredRuns

        choices = StoredRuns(tracking).registered()
    if not choices:
        newest = str(newest_run(Path.cwd()))
        choices = {newest: f"{newest}, which finished last"}
    models = Models(choices, tracking)
    models.painter(next(iter(choices)))  # what is wrong is told here, and not on the page
    return models
