"""What is said of a server that does not answer."""

import socket

import pytest

from colorize.tracking.uri import import_mlflow, reason_of

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
