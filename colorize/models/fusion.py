"""Fusions: feature map (B, h, w, C) -> fused map (B, h, w, C + S), or (B, h, w, C) where the sequence is added.

Legend: B batch, h w rows and columns of the feature map, C its channels, S channels that the sequence brings,
T timesteps (= h), U units of one direction.
"""

from keras import layers

from colorize.config import NoFusion, RowGru
from colorize.models.trace import CELLS, Trace

ROWS_OF_FEATURES = ("batch", "timestep = row", "feature = column x channel")
ROWS_OF_UNITS = ("batch", "timestep = row", "feature = unit")
ROWS_OF_CELLS = ("batch", "row", "column x channel")


def no_fusion(config: NoFusion, features, trace: Trace):
    """Returns the feature map as it is."""
    return features


def row_gru(config: RowGru, features, trace: Trace):
    """Reads the map from the top row down and from the bottom row up, and lays what was read beside the map.

    Both directions return one vector per row, in the same row order: `Bidirectional` flips the backward half back.
    """
    _, rows, columns, channels = features.shape
    sequence = trace(
        layers.Reshape((rows, columns * channels), name="to_sequence"), features, ROWS_OF_FEATURES
    )  # (B, T, w * C)
    for number, merge in enumerate(config.merges, start=1):
        sequence = _bidirectional(config, sequence, f"gru{number}", merge, trace)  # (B, T, U) or (B, T, 2 U)
    sequence_map = units_to_cells(config, sequence, columns, trace)  # (B, h, w, S)
    join = {"concatenate": layers.Concatenate, "add": layers.Add}[config.combine]
    return trace(join(name="fuse"), [features, sequence_map])


def _bidirectional(config: RowGru, sequence, name: str, merge: str, trace: Trace):
    gru = layers.GRU(config.units, return_sequences=True, kernel_initializer=config.initializer)
    halves = trace.halves(layers.Bidirectional(gru, merge_mode=None, name=name), sequence, ROWS_OF_UNITS)
    merged = {"sum": layers.Add, "concatenate": layers.Concatenate}[merge]
    return trace(merged(name=f"{name}_{merge}"), halves, ROWS_OF_UNITS)


def units_to_cells(config: RowGru, sequence, columns: int, trace: Trace):
    """Maps the units of each row to columns x channels: (B, T, width) -> (B, h, w, S).

    A reshape where width = w * S, so that each unit has one cell of its own; else a learned projection.
    """
    rows = sequence.shape[1]
    if not config.reshapes(columns):
        projection = layers.Dense(columns * config.channels, name="project_units")
        sequence = trace(projection, sequence, ROWS_OF_CELLS)  # (B, T, w * S)
    return trace(layers.Reshape((rows, columns, config.channels), name="to_map"), sequence, CELLS)


FUSIONS = {NoFusion: no_fusion, RowGru: row_gru}
