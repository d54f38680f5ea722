"""GRUs whose timesteps are whole rows, or whole columns, of the feature map.

Legend: B batch, h w rows and columns of the feature map, C its channels, S channels that the sequence brings,
T timesteps (= h, or w where columns are read), N cells of a timestep (= w, or h), U units of one direction.
"""

from keras import layers

from colorize.config.fusion import ColumnGru, RowGru
from colorize.config.registry import builds
from colorize.models.trace import CELLS, Reading, Trace

TURNED = ("batch", "column", "row", "channel")


@builds(RowGru)
def row_gru(config: RowGru, features, trace: Trace):
    """Reads the map from the top row down and from the bottom row up, and lays what was read beside the map.

    Both directions return one vector per row, in the same row order: `Bidirectional` flips the backward half back.
    """
    axes = CELLS[:3]
    return _join(config, features, _lines_read(config, features, "rows", axes, trace), trace)


@builds(ColumnGru)
def column_gru(config: ColumnGru, features, trace: Trace):
    """Reads the map from the left column to the right and back: `row_gru` of the map turned on its side."""
    turned = trace(layers.Permute((2, 1, 3), name="columns_first"), features, TURNED)  # (B, w, h, C)
    sequence_map = _lines_read(config, turned, "columns", TURNED[:3], trace)  # (B, w, h, S)
    return _join(config, features, trace(layers.Permute((2, 1, 3), name="rows_first"), sequence_map), trace)


def _lines_read(config: RowGru, features, along: str, axes: tuple[str, ...], trace: Trace):
    """A map whose lines (axis 1) are timesteps -> the map that the GRUs make of it: (B, T, N, C) -> (B, T, N, S)."""
    _, timesteps, cells, channels = features.shape
    line, cell = axes[1:]
    read = ("batch", f"timestep = {line}", f"feature = {cell} x channel")
    units = ("batch", f"timestep = {line}", "feature = unit")
    to_sequence = layers.Reshape((timesteps, cells * channels), name="to_sequence")
    sequence = trace(to_sequence, features, read)  # (B, T, N * C)
    for number, merge in enumerate(config.merge_modes, start=1):
        gru = layers.GRU(
            config.units, return_sequences=True, kernel_initializer=config.initializer, name="gru"
        )  # named: Keras would count on from network to network
        both = layers.Bidirectional(gru, merge_mode=None, name=f"gru{number}")
        halves = trace.halves(both, sequence, units)
        if number == 1:
            trace.readings.append(Reading("first layer", along, 1, sequence, *halves))
        merged = {"sum": layers.Add, "concatenate": layers.Concatenate}[merge]
        sequence = trace(merged(name=f"gru{number}_{merge}"), halves, units)  # (B, T, U) or (B, T, 2 U)
    return _units_to_cells(config, sequence, cells, axes, trace)


def _units_to_cells(config: RowGru, sequence, cells: int, axes: tuple[str, ...], trace: Trace):
    """Maps the units of each timestep to cells x channels: (B, T, width) -> (B, T, N, S).

    A reshape where width = N * S, so that each unit has one cell of its own; else a learned projection.
    """
    timesteps = sequence.shape[1]
    if not config.reshapes(cells):
        projection = layers.Dense(cells * config.channels, name="project_units")
        sequence = trace(projection, sequence, ("batch", axes[1], f"{axes[2]} x channel"))  # (B, T, N * S)
    to_map = layers.Reshape((timesteps, cells, config.channels), name="to_map")
    return trace(to_map, sequence, (*axes, "channel"))


def _join(config: RowGru, features, sequence_map, trace: Trace):
    join = {"concatenate": layers.Concatenate, "add": layers.Add}[config.combine]
    return trace(join(name="fuse"), [features, sequence_map])
