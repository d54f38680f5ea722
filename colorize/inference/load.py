"""From the name of a model to what paints with it; what can be refused without Keras is refused first."""

from __future__ import annotations

import sys
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from colorize.config.schema import with_temperature
from colorize.errors import UserError
from colorize.runs.model_file import read_about, read_config

if TYPE_CHECKING:
    from colorize.inference.pipeline import ColorizationPipeline
    from colorize.inference.predict import ResizeMode
    from colorize.inference.upsampling import Upsampling

CHOICES = {"resize_mode": ("reflect_pad", "stretch", None), "upsampling": ("bilinear", "guided")}

MOST_SATURATION = 2.0


def check_saturation(saturation: float) -> None:
    """Refuses what is no saturation.

    Raises:
        UserError: it is not from 0 to 2.
    """
    if not isinstance(saturation, Real) or not 0 <= saturation <= MOST_SATURATION:
        raise UserError(f"saturation: expected a number from 0 (grey) to {MOST_SATURATION:g}, received {saturation!r}")


def pipeline_of(
    place: Path, resize_mode: ResizeMode | None = None, upsampling: Upsampling = "bilinear",
    temperature: float | None = None, device: str = "cpu", saturation: float = 1.0,
) -> ColorizationPipeline:  # fmt: skip
    """What paints with the model in a file, or in an output folder."""
    config = with_temperature(read_config(place), temperature)
    if "keras" not in sys.modules:
        from colorize import backend

        started = backend.start(backend.wanted(config.backend), device)
        if started.backend == "tensorflow":
            backend.let_xla_introduce_itself()
    from colorize.inference.pipeline import ColorizationPipeline
    from colorize.runs.weights import load_colorizer

    description = read_about(place).description
    return ColorizationPipeline(
        load_colorizer(place, temperature), config, resize_mode, upsampling, saturation, description
    )
