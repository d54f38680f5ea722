"""GRUs whose timesteps are whole rows, or whole columns, of the feature map.

Legend: B batch, h w rows and columns of the feature map, C its channels, S channels that the sequence brings,
T timesteps (= h, or w where columns are read), N positions of a timestep (= w, or h), U units of one direction.
"""

from keras import layers

from colorize.arrays import Features, FeaturesOut, FeaturesToo, Sequences
from colorize.config.fusion import ColumnGru, RowGru
from colorize.config.registry import builds
from colorize.models.fusion.bidirectional_gru import bidirectional_gru
from colorize.models.graph import AXES, TIMESTEP, with_axes

TURNED = ("batch", "column", "row", "channel")


@builds(RowGru)
def row_gru(config: RowGru, features: Features) -> FeaturesOut:
    """Reads the map from the top row down and from the bottom row up, and joins what was read to the map.

    Both directions return one vector per row, in the same row order: `Bidirectional` flips the backward half back.
    """
    return _join(config, features, _lines_read(config, features, AXES[:3]))


@builds(ColumnGru)
def column_gru(config: ColumnGru, features: Features) -> FeaturesOut:
    """Reads the map from the left column to the right and back: `row_gru` of the map turned on its side."""
    turn = with_axes(layers.Permute((2, 1, 3), name="columns_first"), *TURNED)
    sequence_map = _lines_read(config, turn(features), TURNED[:3])  # (B, w, h, S)
    return _join(config, features, layers.Permute((2, 1, 3), name="rows_first")(sequence_map))


def _lines_read(config: RowGru, features: Features, axes: tuple[str, ...]) -> FeaturesOut:
    """A map whose lines (axis 1) are timesteps -> the map that the GRUs make of it: (B, T, N, C) -> (B, T, N, S)."""
    _, timesteps, positions, channels = features.shape
    line, position = axes[1:]
    timestep = f"{TIMESTEP}{line}"
    to_sequence = layers.Reshape((timesteps, positions * channels), name="to_sequence")
    sequence = with_axes(to_sequence, "batch", timestep, f"feature = {position} x channel")(features)  # (B, T, N * C)
    for number, merge in enumerate(config.merge_modes, start=1):
        both = bidirectional_gru(config.units, f"gru{number}", config.initializer)
        directions = with_axes(both, "batch", timestep, "feature = unit")(sequence)
        merged = {"sum": layers.Add, "concatenate": layers.Concatenate}[merge]
        sequence = merged(name=f"gru{number}_{merge}")(directions)  # (B, T, U) or (B, T, 2 U)
    return _units_to_positions(config, sequence, positions, axes)


def _units_to_positions(config: RowGru, sequence: Sequences, positions: int, axes: tuple[str, ...]) -> Features:
    """Maps the units of each timestep to positions x channels: (B, T, width) -> (B, T, N, S).

    A reshape where width = N * S, so that each unit has one position of its own; else a learned projection.
    """
    timesteps = sequence.shape[1]
    if not config.reshapes(positions):
        projection = layers.Dense(positions * config.channels, name="project_units")
        sequence = with_axes(projection, "batch", axes[1], f"{axes[2]} x channel")(sequence)  # (B, T, N * S)
    to_map = layers.Reshape((timesteps, positions, config.channels), name="to_map")
    return with_axes(to_map, *axes, "channel")(sequence)


def _join(config: RowGru, features: Features, sequence_map: FeaturesToo) -> FeaturesOut:
    join = {"concatenate": layers.Concatenate, "add": layers.Add}[config.combine]
    return join(name="fuse")([features, sequence_map])
