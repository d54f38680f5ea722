"""From the name of a model to what paints with it; what can be told without Keras is told first."""

import os
import sys
import tempfile
from pathlib import Path

from colorize.errors import UserError
from colorize.finding import find_model, newest_run
from colorize.run_folder import read_config, with_temperature

CHOICES = {"fit": ("pad", "squash", None), "upsampling": ("bilinear", "guided")}


def load_painter(
    model: str | Path | None, fit: str | None, upsampling: str, temperature: float | None, tracking: str | None,
    device: str = "cpu",
):  # fmt: skip
    """As `colorize.load`."""
    for name, value in (("fit", fit), ("upsampling", upsampling)):
        if value not in CHOICES[name]:
            expected = " or ".join(choice for choice in CHOICES[name] if choice)
            raise UserError(f"{name}: expected {expected}, received {value!r}")
    with tempfile.TemporaryDirectory(prefix="colorize-model-") as place:
        found = find_model(str(model or newest_run(Path.cwd())), tracking, None, Path(place))
        return painter_of(found.folder, fit, upsampling, temperature, device)


def painter_of(
    folder: Path, fit: str | None = None, upsampling: str = "bilinear", temperature: float | None = None,
    device: str = "cpu",
):  # fmt: skip
    """What paints with the model in a folder."""
    config = with_temperature(read_config(folder), temperature)
    if "keras" not in sys.modules:
        from colorize import backend

        started = backend.start(os.environ.get("KERAS_BACKEND", config.backend), device)
        if started.backend == "tensorflow":
            backend.let_xla_introduce_itself()
    from colorize.painting.painter import Painter
    from colorize.weights import load_colorizer

    return Painter(load_colorizer(folder, temperature), config, fit, upsampling)
