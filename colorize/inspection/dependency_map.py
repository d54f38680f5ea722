"""What every axis means, and proof that rows stay rows: the shape report and the dependency map.

Legend: B batch, H W rows and columns of the picture, h rows of the feature map.
"""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from colorize.models.colorizer import Network
from colorize.models.graph import RecurrentPass

NOISE_FLOOR = 1e-5
"""Share of the largest change below which a change is float32 rounding, not dependence."""

ACROSS = 2
"""Panels beside each other: MLflow shows a picture some 700 pixels wide, in which letters are still to be read."""

PAIRS_AT_ONCE = 2**26
"""Of positions that attention compares, in all heads and pictures: 256 MiB."""


def dependencies(inputs: list, outputs: list, along: str = "rows", axis: int = 1, seed: int = 0) -> list[np.ndarray]:
    """How much each row (or column) of some tensors changes when one row (or column) of the picture does.

    No gradients: a batch of H + 1 pictures of noise, the first as it is and each other with one row changed, goes
    through the network once, so that any backend can do it.

    Args:
        inputs: of the network: the symbolic picture (B, H, W, 1), with H and W fixed, and maybe an embedding.
        outputs: symbolic tensors; or (B, ...) without rows, as (B, units).
        along: `rows` or `columns`: what of the picture is changed.
        axis: of the tensors, on which their rows or columns lie.
    Returns:
        for each tensor the matrix (h, H) of the largest absolute change of any feature in row i when row j of the
        picture changes, rounding set to 0; or (w, W) of columns.
    """
    rng = np.random.default_rng(seed)
    picture = rng.uniform(-1, 1, inputs[0].shape[1:])
    lines = np.moveaxis(picture, {"rows": 0, "columns": 1}[along], 0)  # a view: what is written there is in the picture
    batch = [picture.copy()]
    for line in lines:
        kept = line.copy()
        line[:] = rng.uniform(-1, 1, line.shape)
        batch.append(picture.copy())
        line[:] = kept
    seen = computed(inputs, outputs, np.stack(batch).astype("float32"))
    return [_largest_change(np.moveaxis(t, axis, 1)) for t in seen]


def _largest_change(tensor: np.ndarray) -> np.ndarray:
    changes = np.abs(tensor[1:] - tensor[:1])  # (H, h, ...)
    matrix = changes.reshape(*changes.shape[:2], -1).max(axis=-1).T  # (h, H)
    return np.where(matrix > NOISE_FLOOR * matrix.max(), matrix, 0.0)


@dataclass(frozen=True)
class DependencyMap:
    """One panel: which rows (or columns) of the picture those of a tensor depend on.

    Attributes:
        title: of the tensor.
        along: `rows` or `columns`.
        values: (h, H) or (w, W), see `dependencies`.
        reach: the same of what the recurrent layer reads: what the convolutions alone see; None where there is none.
    """

    title: str
    along: str
    values: np.ndarray
    reach: np.ndarray | None = None


def dependency_maps(network: Network) -> list[DependencyMap]:
    """The maps to look at: of each first recurrent layer what it reads and both directions of it; and the fused map."""
    maps = []
    for recurrent in network.recurrent_passes:
        reach, forward, backward = _directions(network, recurrent)
        maps += [
            DependencyMap("read by the recurrent layer", recurrent.along, reach, reach),
            DependencyMap(f"{recurrent.name}, forward", recurrent.along, forward, reach),
            DependencyMap(f"{recurrent.name}, backward", recurrent.along, backward, reach),
        ]
    last = maps[-1] if maps else None
    along = last.along if last else "rows"
    (values,) = dependencies(network.model.inputs, [network.fused], along, {"rows": 1, "columns": 2}[along])
    return [*maps, DependencyMap("fused map", along, values, last.reach if last else None)]


def _directions(network: Network, recurrent: RecurrentPass) -> list[np.ndarray]:
    tensors = [recurrent.read, recurrent.forward, recurrent.backward]
    return dependencies(network.model.inputs, tensors, recurrent.along, recurrent.axis)


def wiring_faults(features: np.ndarray, forward: np.ndarray, backward: np.ndarray) -> list[str]:
    """What is wrong with the directions of a recurrent layer, in sentences; nothing where the wiring is right.

    The reach of the convolutions is not guessed but measured: `features` says which rows of the picture row i of the
    feature map sees. The forward half at row i may depend on what rows 0..i of the map see, the backward half on what
    rows i..h-1 see; and row i of each must depend on what row i sees, or it speaks of another row.

    Args:
        features: (h, H), the map of the tensor that the layer reads.
        forward: (h, H) of its forward half.
        backward: (h, H) of its backward half.
    """
    reach = features > 0
    allowed = {
        "forward": np.logical_or.accumulate(reach, axis=0),
        "backward": np.logical_or.accumulate(reach[::-1], axis=0)[::-1],
    }
    faults = []
    for name, half in (("forward", forward > 0), ("backward", backward > 0)):
        if half.shape != reach.shape:
            faults.append(f"the {name} half has {len(half)} rows where the feature map has {len(reach)}")
            continue
        beyond = [int(i) for i in np.flatnonzero((half & ~allowed[name]).any(axis=1))]
        blind = [int(i) for i in np.flatnonzero(~(half & reach).any(axis=1))]
        side = "below" if name == "forward" else "above"
        if beyond:
            faults.append(f"the {name} half depends on rows {side} its own, at rows {beyond}")
        if blind:
            faults.append(f"the {name} half does not depend on its own row, at rows {blind}")
    return faults


def check_wiring(network: Network) -> list[str]:
    """`wiring_faults` of the first recurrent layer along each axis; nothing where there is none."""
    passes = network.recurrent_passes
    return [fault for recurrent in passes for fault in wiring_faults(*_directions(network, recurrent))]


def _outline(axes: Axes, seen: np.ndarray) -> None:
    """Draws a line around what is true; a map may be of one row, of which matplotlib could not draw one."""
    if seen.all() or not seen.any():
        return
    limits = axes.get_xlim(), axes.get_ylim()
    down, across = (np.arange(side) if side > 1 else np.array([-1, 1]) for side in seen.shape)
    wide = seen.repeat(len(down) // seen.shape[0], 0).repeat(len(across) // seen.shape[1], 1)
    axes.contour(across, down, wide, levels=[0.5], colors="deepskyblue", linewidths=1.2)
    axes.set(xlim=limits[0], ylim=limits[1])


def dependency_figure(maps: list[DependencyMap]) -> Figure:
    """One panel per map: which rows (columns) of the picture, across, each row (column) of a tensor, down, depends on.

    The outline of what the convolutions alone see is drawn into each, so that the eye subtracts it.
    """
    across = min(ACROSS, len(maps))
    down = -(-len(maps) // across)
    figure = Figure(figsize=(4.2 * across, 4.0 * down + 0.4), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False).ravel()
    for axes in grid[len(maps) :]:
        axes.remove()
    for axes, panel in zip(grid, maps):
        line = panel.along.removesuffix("s")
        shown = np.log10(np.maximum(panel.values / max(panel.values.max(), 1e-30), 1e-6))
        image = axes.imshow(shown, aspect="auto", cmap="magma", vmin=-6, vmax=0, interpolation="nearest")
        if panel.reach is not None and panel.reach.shape == panel.values.shape:
            _outline(axes, panel.reach > 0)
        timestep = "" if panel.reach is None else " = timestep"
        axes.set(title=panel.title, xlabel=f"{line} of the picture", ylabel=f"{line} of the map{timestep}")
    figure.colorbar(image, ax=figure.axes, label="change, log10 of the share of the largest")
    if any(panel.reach is not None for panel in maps):
        figure.suptitle("blue: what the convolutions alone see; beyond it, what a sequence carried there", fontsize=11)
    return figure


def computed(inputs: list, outputs: list, pictures: np.ndarray) -> list:
    """Some tensors for a batch of pictures; an embedding, if there is one, is 0 for all, so that it hides nothing."""
    given = [pictures, *[np.zeros((len(pictures), *tensor.shape[1:]), "float32") for tensor in inputs[1:]]]
    bare = len(inputs) == 1  # as Keras wants it
    model = keras.Model(inputs[0] if bare else inputs, outputs)
    at_once, parts = _pictures_at_once(model), []
    for start in range(0, len(pictures), at_once):
        # The last piece is filled up: with another batch size, kernels may round another way.
        rows = np.minimum(np.arange(start, start + min(at_once, len(pictures))), len(pictures) - 1)
        part = [values[rows] for values in given]
        seen = model(part[0] if bare else part)
        seen = seen if isinstance(seen, (list, tuple)) else [seen]  # Keras unpacks a list of one
        parts.append([ops.convert_to_numpy(ops.cast(tensor, "float32")) for tensor in seen])
    return [np.concatenate(tensors)[: len(pictures)] for tensors in zip(*parts)]


def _pictures_at_once(model: keras.Model) -> int:
    """Attention has a number for each pair of positions, which for a whole batch may be more than the memory."""
    heads = [layer for layer in model.layers if isinstance(layer, keras.layers.MultiHeadAttention)]
    pairs = max((layer.num_heads * layer.output.shape[1] ** 2 for layer in heads), default=1)
    return max(1, PAIRS_AT_ONCE // pairs)
