"""`python -m colorize prepare`: decodes photos ahead of training, into a folder that needs nothing else."""

import os
from pathlib import Path
from shlex import quote

from rich.console import Console

from colorize.cli.paths import quote_path
from colorize.config.base import TRAIN
from colorize.console import say
from colorize.errors import UserError


def prepare(overrides: list[str], out: Path) -> None:
    """Makes a prepared set of a folder of photos, or goes on with one; says how to train on it."""
    from colorize.config.compose import composed
    from colorize.config.data import FolderData
    from colorize.data.prepare import prepare_set

    given = [quote_path(override) for override in overrides]
    kind = [] if any(text.startswith("data=") for text in given) else ["data=folder"]
    config = composed([*kind, *given]).data
    if not isinstance(config, FolderData):
        raise UserError(f"data={config.name}: there is nothing to prepare; expected data=folder data.root=PATH")
    console = Console()
    say(console, f"preparing the photos of {config.root or config.name} into {out}, with data.engine={config.engine}")
    dataset = prepare_set(config, out)
    for line in dataset.summary():
        say(console, line)
    parts = {"train": dataset.train, "val": dataset.val, "test": dataset.test or (), "without colours": dataset.grey}
    counts = ", ".join(f"{len(photos):,} {name}" for name, photos in parts.items() if len(photos))
    shards = dataset.train.stored.shards
    rows, columns = dataset.train.stored.shape[1:3]
    size = sum(path.stat().st_size for path in shards)
    say(console, f"{counts}: {rows} x {columns} pixels, {len(shards)} shards, {size / 1e6:,.0f} MB")
    say(console, f"digest {dataset.digest}, the same on every machine and with any engine")
    shown = os.path.relpath(out) if out.resolve().is_relative_to(Path.cwd()) else out
    root = quote(f"data.root={shown}")
    mode = "" if config.resize_mode == "center_crop" else f" data.resize_mode={config.resize_mode}"
    say(console, f"train  {TRAIN} data=prepared {root} data.height={config.height} data.width={config.width}{mode}")
