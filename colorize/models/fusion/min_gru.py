"""minGRUs along rows and columns: gates that see the input alone, so that all timesteps are computed at once.

Legend: B batch, h w rows and columns of the feature map, U units, N independent sequences, T timesteps, F features.
"""

import keras
from keras import layers, ops

from colorize.arrays import Features, FeaturesOut, Sequences
from colorize.config.fusion import MinGru
from colorize.config.registry import builds
from colorize.models.fusion.controls import beside
from colorize.models.fusion.pixel_gru import AXES
from colorize.models.graph import with_axes


@builds(MinGru)
def min_gru(config: MinGru, features: Features) -> FeaturesOut:
    """Residual blocks: norm, depthwise convolution, four minGRUs, projection; then channels beside the map.

    The form is that of the vision versions (VMamba, Liu et al. 2024; Vision-LSTM, Alkin et al. 2024): scans win there
    together with a convolution before them, several directions, a norm and a residual, not alone.
    """
    stream = layers.Dense(config.width, name="min_gru_in")(features)
    for number in range(1, config.blocks + 1):
        name = f"min_gru{number}"
        inner = layers.LayerNormalization(name=f"{name}_norm")(stream)
        local = layers.DepthwiseConv2D(3, padding="same", activation="silu", name=f"{name}_local")
        inner = local(inner)
        read = []
        for along in ("rows", "columns"):
            both = BidirectionalMinGru(config.units, along, name=f"{name}_{along}")
            read += with_axes(both, *AXES[along])(inner)
        joined = layers.Concatenate(name=f"{name}_concatenate")(read)  # (B, h, w, 4 U)
        projected = layers.Dense(config.width, name=f"{name}_project")(joined)
        stream = layers.Add(name=f"{name}_add")([stream, projected])
    stream = layers.LayerNormalization(name="min_gru_norm")(stream)
    return beside(features, layers.Dense(config.channels, name="min_gru_out")(stream))


@keras.saving.register_keras_serializable("colorize")
class BidirectionalMinGru(keras.Layer):
    """Two minGRUs along one axis of a map, one in each direction; arguments and shapes as of `DirectedMinGru`.

    Returns:
        the forward and the backward half, (B, h, w, U) each, in the order of the map.
    """

    def __init__(self, units: int, along: str, **kwargs):
        super().__init__(**kwargs)
        self.units, self.along = units, along
        policy = self.dtype_policy
        self.forward_layer = DirectedMinGru(units, along, backward=False, dtype=policy, name="forward")
        self.backward_layer = DirectedMinGru(units, along, backward=True, dtype=policy, name="backward")

    def build(self, shape):
        """Builds both for C features."""
        self.forward_layer.build(shape)
        self.backward_layer.build(shape)

    def call(self, features: Features) -> list[FeaturesOut]:
        """Each reads the whole map."""
        return [self.forward_layer(features), self.backward_layer(features)]

    def get_config(self):
        """The arguments."""
        return {**super().get_config(), "units": self.units, "along": self.along}


@keras.saving.register_keras_serializable("colorize")
class DirectedMinGru(keras.Layer):
    """A minGRU (Feng et al. 2024, section 3.1) along one axis of a map, in one direction.

    z_t = sigmoid(W_z x_t), c_t = W_c x_t, h_t = (1 - z_t) h_{t-1} + z_t c_t, h_0 = 0.

    Args:
        units: U.
        along: what is a timestep: `rows` or `columns`.
        backward: whether the last timestep is read first; the order of what is returned is that of the map.
    Call arguments:
        features: (B, h, w, C); h and w are known.
    Returns:
        (B, h, w, U).
    """

    def __init__(self, units: int, along: str, backward: bool, **kwargs):
        super().__init__(**kwargs)
        self.units, self.along, self.backward = units, along, backward
        self.gate_and_candidate = layers.Dense(2 * units, name="gate_and_candidate", dtype=self.dtype_policy)

    def build(self, shape):
        """Builds the one dense layer of gate and candidate."""
        self.gate_and_candidate.build(shape)

    def call(self, features: Features) -> FeaturesOut:
        """In float32: products of many numbers near 1 lose their meaning in bfloat16."""
        gate, candidate = ops.split(ops.cast(self.gate_and_candidate(features), "float32"), 2, axis=-1)
        kept = ops.sigmoid(-gate)  # 1 - z
        kept, new = self._sequences(kept, (1.0 - kept) * candidate)
        states = linear_scan(kept, new, self.backward)
        _, rows, columns, _ = features.shape
        return ops.cast(ops.reshape(states, (-1, rows, columns, self.units)), self.compute_dtype)

    def _sequences(self, *maps):
        """(B, h, w, U) -> (N, T, F): of rows as timesteps, F is a whole row; of columns, each row is a sequence."""
        _, rows, columns, units = maps[0].shape
        shape = (-1, rows, columns * units) if self.along == "rows" else (-1, columns, units)
        return [ops.reshape(m, shape) for m in maps]

    def get_config(self):
        """The arguments."""
        return {**super().get_config(), "units": self.units, "along": self.along, "backward": self.backward}


def linear_scan(kept: Sequences, new: Sequences, backward: bool = False) -> Sequences:
    """h_t = kept_t h_{t-1} + new_t for all t at once, h_0 = 0, in log2 T rounds (Sklansky 1960; Blelloch 1990).

    In round k, pieces of 2^k timesteps that are done within themselves are joined in pairs: each timestep of the later
    piece takes over the last state of the earlier one, weakened by all that it keeps. Not `keras.ops.associative_scan`:
    on TensorFlow it takes twice the time (T = 64, 512 sequences of 8 features, with gradients, one core of an AMD EPYC:
    92 instead of 42 ms) and six times as long to trace. Pairs are unstacked, not sliced: on a CPU TensorFlow needs four
    times as long for the gradients of slices.

    Args:
        kept: (N, T, F), T known; the share of the state that stays.
        new: (N, T, F); what comes in.
        backward: whether time runs from the last timestep to the first.
    Returns:
        (N, T, F).
    """
    _, timesteps, features = new.shape
    length = 1 << (timesteps - 1).bit_length()
    padding = [(0, 0), (length - timesteps, 0) if backward else (0, length - timesteps), (0, 0)]
    if length > timesteps:  # in the future of every timestep, so of no effect
        kept, new = ops.pad(kept, padding), ops.pad(new, padding)
    size = 1
    while size < length:
        kept, new = _joined(kept, new, (-1, 2, size, features), backward)
        size *= 2
    states = ops.reshape(new, (-1, length, features))
    return states[:, length - timesteps :] if backward else states[:, :timesteps]


def _joined(kept, new, pairs: tuple[int, ...], backward: bool):
    """One round: pieces of pairs[2] timesteps become pieces of twice as many."""
    kept_earlier, kept_later = _in_time(ops.unstack(ops.reshape(kept, pairs), 2, axis=1), backward)
    new_earlier, new_later = _in_time(ops.unstack(ops.reshape(new, pairs), 2, axis=1), backward)
    size = pairs[2]
    last = slice(0, 1) if backward else slice(size - 1, size)
    new_later = new_later + kept_later * new_earlier[:, last]
    kept_later = kept_later * kept_earlier[:, last]
    pieces = [_in_time(pair, backward) for pair in ((kept_earlier, kept_later), (new_earlier, new_later))]
    return [ops.concatenate(piece, axis=1) for piece in pieces]


def _in_time(pair, backward: bool):
    return pair[::-1] if backward else pair
