"""`python -m colorize shapes`: the shape report of a configuration, its dependency map, and whether rows stay rows."""

import sys
from pathlib import Path
from shlex import quote

from rich.console import Console

from colorize.cli.paths import quote_path
from colorize.config.base import TRAIN
from colorize.console import say, show
from colorize.errors import UserError
from colorize.runs.layout import DEPENDENCY_MAP


def show_shapes(overrides: list[str], out: Path) -> None:
    """Prints the shape report of a configuration, checks its wiring and writes the dependency map."""
    from colorize import backend
    from colorize.config.compose import composed
    from colorize.data.batches import Batches
    from colorize.data.load import read_dataset

    config = composed([quote_path(override) for override in overrides])
    data = config.data
    photos = read_dataset(data).train
    size = 1 if data.batch_size == "auto" else data.batch_size
    batch = Batches(photos, data.height, data.width, size, data.augmentation, config.seed).batch(0)
    backend.start(config.backend, config.trainer.device)
    import keras

    from colorize.inspection.dependency_map import check_wiring
    from colorize.inspection.shape_report import WIDTH, report_table, write_shapes
    from colorize.models.color_bins import bins_for
    from colorize.models.colorizer import build_network
    from colorize.models.match_parameters import with_matched_fusion

    config = with_matched_fusion(config)
    keras.utils.set_random_seed(config.seed)
    network = build_network(config, bins_for(config.head, photos))
    out.mkdir(parents=True, exist_ok=True)
    report = write_shapes(network, batch, out)
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    show(console, report_table(report.rows))
    console.print(report.explanation, highlight=False)
    for fault in check_wiring(network):
        raise UserError(f"this fusion is wired wrongly: {fault}")
    say(console, f"which row of the map depends on which row of the picture: {out / DEPENDENCY_MAP}")
    say(console, "next: " + " ".join([TRAIN, *map(quote, overrides)]))
