"""What MLflow's page of a run says of it, in Markdown: what it is, what came of it, and what can be done with it."""

from shlex import quote

from colorize.config import Config
from colorize.tracking.place import default_uri, uri_of

RUN_ID = "RUN_ID"
"""Stands for the id in what is written before MLflow has given one."""


def description(config: Config, photos: int, parameters: int, result: str | None = None) -> str:
    """A paragraph; with the result, also its table and the next commands.

    Args:
        photos: of the training.
        parameters: of the network.
        result: a table in Markdown, once there is one.
    """
    data = config.data
    backbone = "" if config.backbone.name == "none" else f", backbone {config.backbone.name}"
    network = f"encoder **{config.encoder.name}**, fusion **{config.fusion.name}**, head {config.head.name}{backbone}"
    text = (
        f"A colorizer: {network}; {parameters:,} parameters. Trained on {photos:,} photos of **{data.name}** at"
        f" {data.height} x {data.width} pixels for {config.trainer.epochs} epochs, seed {config.seed}, on"
        f" {config.backend}."
    )
    if result is None:
        return text + "\n\nIt has not finished."
    sentence, _, table = result.partition("\n\n")  # MLflow shows the first lines, and the rest when asked
    return f"{sentence}\n\n{text}\n\n{table}\n\n{_commands(config)}"


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
