"""The last lines of a run: the table, where everything is, and what to do next."""

import os
from pathlib import Path
from shlex import quote

from rich.console import Console

from colorize.config import Config, NoTracking
from colorize.model_file import MODEL
from colorize.progress import say
from colorize.result import Result
from colorize.run_folder import DEPENDENCY_MAP, RESULT, SHAPES, STRIPS
from colorize.tracking.place import ui_command


def print_result(result: Result, config: Config, folder: Path) -> None:
    """Prints the table beside the baselines, the folder, and the commands that show and use the model."""
    console = Console()
    console.print(result.table())
    shown = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else folder
    lines = [
        f"ab RMSE is {result.gain_in_words()}; {result.seconds:.0f} s, {result.images_per_second:.0f} images/s,"
        f" input wait {result.input_wait_share:.1%}",
        f"results   {shown}: {RESULT}, {STRIPS}/, {SHAPES}, {DEPENDENCY_MAP}, {MODEL}",
        f"paint     python -m colorize paint PHOTO_OR_FOLDER... --model {quote(str(shown))} --out painted",
    ]
    if not isinstance(config.tracking, NoTracking):
        lines.append(f"look      {ui_command(config)}")
    for line in lines:
        say(console, line)
