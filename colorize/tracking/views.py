"""How MLflow's page of an experiment looks when it is opened: as model training, with a saved view of the results."""

import base64
import json
import zlib
from shlex import quote

from colorize.config.schema import Config
from colorize.runs.layout import CONTACT_SHEET
from colorize.tracking.uri import default_uri, uri_of

TRAINING = "workflowType=machine_learning"
"""Behind an address: MLflow shows what belongs to model training, and not traces."""

VIEW = "colorize-results"
"""Key of the view; `?viewStateShareKey=colorize-results` behind the address of the runs opens it."""

BEST = "val_best"
"""Group of the best checkpoint's figures: MLflow sorts groups by name: the curves, train and val, come first."""

_COLUMNS = [
    f"metrics.`{BEST}/gain`",
    f"metrics.`{BEST}/ab_rmse`",
    f"metrics.`{BEST}/psnr_pooled`",
    f"metrics.`{BEST}/colorfulness`",
    "params.`data.name`",
    "params.`encoder.name`",
    "params.`fusion.name`",
    "params.`seed`",
    "params.`model.parameters`",
    "attributes.`Models`",
]
"""What tells runs apart, the results first."""

_STATE = {
    "searchFilter": "",
    "orderByKey": f"metrics.`{BEST}/gain`",
    "orderByAsc": False,
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "datasetsFilter": [],
    "modelVersionFilter": "All Runs",
    "selectedColumns": _COLUMNS,
    "columnOrder": [],
    "columnWidths": {},
    "runsHiddenMode": "FIRST_10_RUNS",
    "viewMaximized": False,
    "runListHidden": False,
    "isAccordionReordered": False,
    "useGroupedValuesInCharts": True,
    "hideEmptyCharts": True,
    "groupBy": None,
    "groupsExpanded": {},
    "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
}
"""The state of the page, as MLflow 3.17 saves it; versions that know no such views pass over it."""


def experiment_tags(experiment_id: str) -> dict[str, str]:
    """Tags of an experiment: of its kind, with the view, and with a description that leads there."""
    results = f"[Results](#/experiments/{experiment_id}/runs?viewStateShareKey={VIEW}&{TRAINING})"
    state = base64.b64encode(zlib.compress(json.dumps(_STATE).encode())).decode()
    view = {"name": "Results", "createdAt": 0, "updatedAt": 0, "state": f"deflate;{state}"}
    return {
        "mlflow.experimentKind": "custom_model_development",
        f"mlflow.sharedViewState.{VIEW}": json.dumps(view),
        "mlflow.note.content": f"Runs and what came of them, the best first: {results}",
    }


RUN_ID, EXPERIMENT_ID = "RUN_ID", "EXPERIMENT_ID"
"""Stand for the ids in what is written before MLflow has given them."""


def with_ids(text: str, experiment_id: str, run_id: str) -> str:
    """A text that was written before, with the ids."""
    return text.replace(EXPERIMENT_ID, experiment_id).replace(RUN_ID, run_id)


def page_of(experiment_id: str, run_id: str, part: str = "") -> str:
    """The address of a run's page, or a part of it, behind that of the UI."""
    return f"#/experiments/{experiment_id}/runs/{run_id}{part}?{TRAINING}"


def description(
    config: Config, photos: int, parameters: int, result: str | None = None, epochs: int | None = None
) -> str:
    """A paragraph; with the result, also its table and the next commands.

    Args:
        photos: of the training.
        parameters: of the network.
        result: a table in Markdown, once there is one.
        epochs: that were trained; None: those that are asked for.
    """
    data = config.data
    backbone = "" if config.backbone.name == "none" else f", backbone {config.backbone.name}"
    network = f"encoder **{config.encoder.name}**, fusion **{config.fusion.name}**, head {config.head.name}{backbone}"
    text = (
        f"A colorizer: {network}; {parameters:,} parameters. Trained on {photos:,} photos of **{data.name}** at"
        f" {data.height} x {data.width} pixels for {epochs or config.trainer.epochs} epochs, seed {config.seed}, on"
        f" {config.backend}."
    )
    if result is None:
        return f"{text} It has not finished.\n\n{_links(config)}"
    sentence, _, table = result.partition("\n\n")  # MLflow shows the first lines, and the rest when asked
    return f"{sentence} {_links(config)}\n\n{text}\n\n{table}\n\n{_commands(config)}"


def _links(config: Config) -> str:
    parts = {"Curves and pictures": "/model-metrics"}
    if config.trainer.num_visualized_photos:
        parts["photos by epoch"] = f"/artifacts/{CONTACT_SHEET}"
    parts["files"] = "/artifacts"
    return ", ".join(f"[{name}]({page_of(EXPERIMENT_ID, RUN_ID, part)})" for name, part in parts.items())


def _commands(config: Config) -> str:
    uri = uri_of(config)
    elsewhere = uri != default_uri() and "@" not in uri
    where = f" --tracking {quote(uri)}" if elsewhere else ""
    variable = f"MLFLOW_TRACKING_URI={quote(uri)} " if elsewhere else ""
    return (
        "Lower ab RMSE is better; the trivial baselines need no network.\n\n```bash\n"
        f"python -m colorize paint PHOTO_OR_FOLDER... --model {RUN_ID}{where}\n"
        f"python -m colorize evaluate {RUN_ID}{where}\n"
        f"{variable}mlflow models serve -m runs:/{RUN_ID}/colorizer --env-manager local --port 5001\n```\n"
    )


def run_name(config: Config) -> str:
    """What the runs table says of a run; about 17 letters are seen there, so photos and size come first."""
    data = config.data
    network = f"{config.encoder.name} + {config.fusion.name}"
    return f"{data.label} {data.height}x{data.width}, {network}, seed {config.seed}"
