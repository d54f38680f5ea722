"""From the name of a model to what paints with it; what can be told without Keras is told first."""

import os
import sys
import tempfile
from numbers import Real
from pathlib import Path

from colorize.errors import UserError
from colorize.finding import find_model
from colorize.model_file import read_about, read_config
from colorize.run_folder import with_temperature

CHOICES = {"fit": ("pad", "squash", None), "upsampling": ("bilinear", "guided")}

MOST_SATURATION = 2.0


def load_painter(
    model: str | Path | None, fit: str | None, upsampling: str, temperature: float | None, tracking: str | None,
    device: str = "cpu", saturation: float = 1.0,
):  # fmt: skip
    """As `colorize.load`."""
    for name, value in (("fit", fit), ("upsampling", upsampling)):
        if value not in CHOICES[name]:
            expected = " or ".join(choice for choice in CHOICES[name] if choice)
            raise UserError(f"{name}: expected {expected}, received {value!r}")
    check_saturation(saturation)
    with tempfile.TemporaryDirectory(prefix="colorize-model-") as place:
        found = find_model(None if model is None else str(model), tracking, None, Path(place))
        return painter_of(found.file, fit, upsampling, temperature, device, saturation)


def check_saturation(saturation: float) -> None:
    """Refuses what is no saturation.

    Raises:
        UserError: it is not from 0 to 2.
    """
    if not isinstance(saturation, Real) or not 0 <= saturation <= MOST_SATURATION:
        raise UserError(f"saturation: expected a number from 0 (grey) to {MOST_SATURATION:g}, received {saturation!r}")


def painter_of(
    place: Path, fit: str | None = None, upsampling: str = "bilinear", temperature: float | None = None,
    device: str = "cpu", saturation: float = 1.0,
):  # fmt: skip
    """What paints with the model in a file, or in an output folder."""
    config = with_temperature(read_config(place), temperature)
    if "keras" not in sys.modules:
        from colorize import backend

        started = backend.start(os.environ.get("KERAS_BACKEND", config.backend), device)
        if started.backend == "tensorflow":
            backend.let_xla_introduce_itself()
    from colorize.painting.painter import Painter
    from colorize.weights import load_colorizer

    told = read_about(place).told
    return Painter(load_colorizer(place, temperature), config, fit, upsampling, saturation, told)
