"""Trains a photo colorizer, and paints with it.

import colorize
pipeline = colorize.load()   # the model in the box; or an output folder
pipeline.paint("photo.jpg").save("painted.png")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from colorize.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from colorize.inference.pipeline import ColorizationPipeline

__all__ = ["UserError", "load"]
__version__ = "0.2.0"


def load(
    model: str | Path | None = None,
    *,
    resize_mode: Literal["reflect_pad", "stretch"] | None = None,
    upsampling: Literal["bilinear", "guided"] = "bilinear",
    temperature: float | None = None,
    saturation: float = 1.0,
    tracking: str | None = None,
) -> ColorizationPipeline:
    """Loads a trained model to paint with; Keras is started by it, on the backend that the model was trained with,
    unless it is there already or KERAS_BACKEND says otherwise.

    Args:
        model: an output folder or model file, a run id, `models:/NAME/VERSION` or `models:/NAME@ALIAS`; `latest`: the
            run that finished last, of those in `outputs/` and `multirun/` below the present folder, without those of
            debug=smoke; None: the model that comes with the package.
        resize_mode: of a photo of another shape: reflect_pad or stretch; None: as in training.
        upsampling: bilinear, or guided: colours follow the edges of the lightness.
        temperature: of a head of bins, another one than it was trained with.
        saturation: what the colours' a and b are multiplied by, 0 (grey) to 2; lightness stays.
        tracking: URI of the MLflow that knows the model, where it is no folder; None: mlflow.db.
    Returns:
        a `colorize.inference.pipeline.ColorizationPipeline`.
    Raises:
        UserError: there is no such model, it is damaged, or a setting is none.
    """
    from colorize.hub import load_pipeline

    return load_pipeline(model, resize_mode, upsampling, temperature, tracking, saturation=saturation)
