"""Where runs are kept, and what is said of a server that does not answer."""

import os
import socket

import pytest

from colorize.config.compose import composed
from colorize.tracking.uri import import_mlflow, look_at, noted, reason_of

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


def answer_of(uri: str) -> Exception:
    """What MLflow's client raises."""
    mlflow = import_mlflow()
    with pytest.raises(mlflow.MlflowException) as raised:
        mlflow.MlflowClient(uri).search_experiments()
    return raised.value


def test_a_server_that_is_not_there_is_said_in_words():
    with socket.socket() as taken:  # a port on which nobody listens
        taken.bind(("127.0.0.1", 0))
        assert reason_of(answer_of(f"http://127.0.0.1:{taken.getsockname()[1]}")) == "nothing listens there"


def test_what_is_not_known_is_said_in_its_own_first_line():
    assert reason_of(ValueError("a thing\nand more")) == "a thing"


@pytest.mark.parametrize("asked", [None, "http://a.server"])
def test_looking_at_a_database_does_not_pass_for_what_the_user_asks_for(asked, tmp_path, monkeypatch):
    """In a sweep, jobs come after the run of the sweep: each notes where its own run is, all the same."""
    mlflow = import_mlflow()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if asked:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", asked)
    look_at(mlflow, f"sqlite:///{tmp_path}/other.db")
    assert mlflow.get_tracking_uri() == f"sqlite:///{tmp_path}/other.db"
    assert os.environ.get("MLFLOW_TRACKING_URI") == asked
    uri = noted(composed(["tracking=mlflow"])).tracking.uri
    assert uri == (None if asked else f"sqlite:///{tmp_path / 'mlflow.db'}")
