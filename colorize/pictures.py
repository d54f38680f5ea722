"""Pictures for people: strips of grey, ours and truth, and the dependency map."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from colorize.color import colorize_lightness, in_grey
from colorize.shapes import DependencyMap

GAP = 4
"""White pixels between two pictures."""


def strip(rgb: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """Grey, ours and truth of one photo, side by side.

    Args:
        rgb: the truth, uint8 (H, W, 3).
        ab: predicted, (H, W, 2) in Lab units.
    Returns:
        uint8, as `side_by_side`.
    """
    return side_by_side(in_grey(rgb), colorize_lightness(rgb, ab), rgb)


def side_by_side(*pictures: np.ndarray) -> np.ndarray:
    """Pictures of one size along their shorter side: nearly square, as the UI's image grid shows it.

    Args:
        pictures: n of them, uint8 (H, W, 3).
    Returns:
        uint8, (n H and gaps, W, 3) of wide pictures, else (H, n W and gaps, 3).
    """
    height, width, _ = pictures[0].shape
    axis, shape = (0, (GAP, width, 3)) if width > height else (1, (height, GAP, 3))
    gap = np.full(shape, 255, "uint8")
    parts = [part for picture in pictures for part in (gap, picture)][1:]
    return np.concatenate(parts, axis=axis)


def save(picture: np.ndarray, path: Path) -> None:
    """Writes uint8 (H, W, 3) in the format of the path's ending, with none of the photo's metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def dependency_figure(maps: list[DependencyMap]) -> Figure:
    """One panel per map: which rows (columns) of the picture, across, each row (column) of a tensor, down, depends on.

    The outline of what the convolutions alone see is drawn into each, so that the eye subtracts it.
    """
    figure = Figure(figsize=(4.2 * len(maps), 4.4), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(maps), squeeze=False)[0], maps):
        line = panel.along.removesuffix("s")
        shown = np.log10(np.maximum(panel.values / max(panel.values.max(), 1e-30), 1e-6))
        image = axes.imshow(shown, aspect="auto", cmap="magma", vmin=-6, vmax=0, interpolation="nearest")
        if panel.reach is not None and panel.reach.shape == panel.values.shape:
            axes.contour(panel.reach > 0, levels=[0.5], colors="deepskyblue", linewidths=1.2)
        timestep = "" if panel.reach is None else " = timestep"
        axes.set(title=panel.title, xlabel=f"{line} of the picture", ylabel=f"{line} of the map{timestep}")
    figure.colorbar(image, ax=figure.axes, label="change, log10 of the share of the largest")
    if any(panel.reach is not None for panel in maps):
        figure.suptitle("blue: what the convolutions alone see; beyond it, what a sequence carried there", fontsize=10)
    return figure
