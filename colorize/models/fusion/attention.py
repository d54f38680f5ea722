"""Self-attention over all positions of the feature map.

Legend: B batch, h w rows and columns of the feature map, N positions (= h * w), D channels of the residual stream.
"""

import keras
import numpy as np
from keras import layers, ops

from colorize.arrays import Features, FeaturesOut
from colorize.config.fusion import Attention
from colorize.config.registry import builds
from colorize.models.fusion.controls import beside
from colorize.models.graph import with_axes

LONGEST_PERIOD = 10_000.0
"""Of the sines of the position embedding (Vaswani et al. 2017, section 3.5)."""


@builds(Attention)
def attention(config: Attention, features: Features) -> FeaturesOut:
    """Transformer blocks, norm first (Dosovitskiy et al. 2021, eq. 2 and 3), over the positions as tokens."""
    _, rows, columns, _ = features.shape
    stream = layers.Dense(config.width, name="attention_in")(features)
    stream = AddPositions(name="positions")(stream)
    flat = layers.Reshape((rows * columns, config.width), name="to_cells")
    stream = with_axes(flat, "batch", "position = row x column", "channel")(stream)  # (B, N, D)
    for number in range(1, config.blocks + 1):
        stream = _block(config, stream, f"attention{number}")
    stream = layers.LayerNormalization(name="attention_norm")(stream)
    stream = layers.Dense(config.channels, name="attention_out")(stream)
    return beside(features, layers.Reshape((rows, columns, config.channels), name="to_map")(stream))


def _block(config: Attention, stream, name: str):
    inner = layers.LayerNormalization(name=f"{name}_norm")(stream)
    heads = layers.MultiHeadAttention(config.heads, config.width // config.heads, name=f"{name}_heads")
    inner = heads(inner, inner)  # queries, values
    stream = layers.Add(name=f"{name}_add")([stream, inner])
    inner = layers.LayerNormalization(name=f"{name}_mlp_norm")(stream)
    inner = layers.Dense(config.hidden, activation="gelu", name=f"{name}_mlp")(inner)
    inner = layers.Dense(config.width, name=f"{name}_mlp_out")(inner)
    return layers.Add(name=f"{name}_mlp_add")([stream, inner])


@keras.saving.register_keras_serializable("colorize")
class AddPositions(keras.Layer):
    """Adds sines and cosines of the row to one half of the channels, of the column to the other; learns nothing.

    Call arguments:
        features: (B, h, w, D); h, w and D are known, and 4 divides D.
    Returns:
        the same shape.
    """

    def call(self, features: Features) -> Features:
        """The table is a constant of the graph."""
        return features + ops.cast(positions(*features.shape[1:]), features.dtype)


def positions(rows: int, columns: int, channels: int) -> np.ndarray:
    """The table that is added (Vaswani et al. 2017, section 3.5, along each axis; Carion et al. 2020).

    Returns:
        float32 (1, rows, columns, channels): sin and cos of row / 10000^(4 i / channels) for each i below a quarter of
        the channels, then the same of the column.
    """
    quarter = channels // 4
    periods = LONGEST_PERIOD ** (np.arange(quarter) / quarter)
    waves = []
    for place, axes in ((np.arange(rows), "row"), (np.arange(columns), "column")):
        angles = place[:, None] / periods
        wave = np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)  # (rows or columns, channels / 2)
        wave = wave[:, None] if axes == "row" else wave[None]
        waves.append(np.broadcast_to(wave, (rows, columns, 2 * quarter)))
    return np.concatenate(waves, axis=-1)[None].astype("float32")
