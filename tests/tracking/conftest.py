"""Trackers and databases of their own."""

import pytest

from colorize.config.training import MlflowTracking
from colorize.tracking.open_tracker import open_tracker
from colorize.tracking.tracker import MlflowTracker


@pytest.fixture
def open_at(config_of, tmp_path):
    """Opens a tracker at a URI, in an output folder."""
    config = config_of()

    def at(uri: str) -> MlflowTracker:
        tracking = MlflowTracking(
            name="mlflow", uri=uri, experiment="tests", patience=1.0, every_steps=None, register=None
        )
        return open_tracker(config.model_copy(update={"tracking": tracking}), tmp_path)

    return at


@pytest.fixture
def stored(tmp_path):
    """The URI of a new database, and a client of it."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    return uri, lambda: MlflowClient(uri)
