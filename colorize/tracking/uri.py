"""Where MLflow keeps runs, and how it is imported without its noise."""

import logging
import os
import warnings
from pathlib import Path
from shlex import quote

from colorize.config.schema import Config
from colorize.config.training import MlflowTracking
from colorize.errors import first_line

ENVIRONMENT = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # the last lines on the screen are ours
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # seven by default, which take four minutes; `sender` tries again itself
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",  # no complaint where git is not installed
}


def import_mlflow():
    """MLflow, quiet, and not in a run that is left over from another program."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ.pop("MLFLOW_RUN_ID", None)  # it would override ours
    import mlflow

    for noisy in ("alembic", "mlflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # MLflow registers its source for local folders twice, and wonders which of the two it is.
    warnings.filterwarnings("ignore", "The specified dataset source can be interpreted in multiple ways")
    return mlflow


VARIABLE = "MLFLOW_TRACKING_URI"


def look_at(mlflow, uri: str) -> None:
    """Sets MLflow's tracking URI for this process.

    MLflow writes it into the environment too; there it would pass for what the user asks for, also to a sweep's jobs.
    """
    before = os.environ.get(VARIABLE)
    mlflow.set_tracking_uri(uri)
    os.environ.pop(VARIABLE, None)
    if before is not None:
        os.environ[VARIABLE] = before


def default_uri() -> str:
    """What MLFLOW_TRACKING_URI of the environment says; else the database in the working folder, beside `outputs/`."""
    return os.environ.get(VARIABLE) or f"sqlite:///{Path.cwd() / 'mlflow.db'}"


def uri_of(config: Config) -> str:
    """Where a configuration logs its run, or would log it."""
    return (config.tracking.uri if isinstance(config.tracking, MlflowTracking) else None) or default_uri()


def noted(config: Config) -> Config:
    """The configuration of a new run that names its database: who looks at the run from another folder finds it there.

    An address that the environment names is not noted: it may hold a password.
    """
    tracking = config.tracking
    if not isinstance(tracking, MlflowTracking) or tracking.uri or os.environ.get(VARIABLE):
        return config
    return config.model_copy(update={"tracking": tracking.model_copy(update={"uri": default_uri()})})


def ui_command(config: Config, page: str) -> str:
    """How a run is looked at: the command that serves the UI, and the address of the run's page.

    Args:
        page: see `views.page_of`.
    """
    uri = uri_of(config)
    if is_server(uri):
        return f"open {uri.rstrip('/')}/{page}"
    return f"mlflow ui --backend-store-uri {quote(uri)}\nthen open http://127.0.0.1:5000/{page}"


UNREACHABLE = {
    "NameResolutionError": "there is no machine of that name",
    "Connection refused": "nothing listens there",
    "No route to host": "there is no way to that machine",
    "Read timed out": "it took too long to answer",
    "ConnectTimeoutError": "it took too long to answer",
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted here",
}
"""What urllib3 says of a server that cannot be asked, somewhere in a long line -> the same in words."""


def reason_of(error: Exception) -> str:
    """Why MLflow did not answer, or what it said, in a line."""
    return next((words for sign, words in UNREACHABLE.items() if sign in str(error)), first_line(error))


def is_server(uri: str) -> bool:
    """Whether runs are kept by a server, and not in a database of this machine."""
    return uri.startswith("http")
