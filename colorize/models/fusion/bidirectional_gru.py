"""Keras's bidirectional GRU, with both directions in one loop where that is faster: on a GPU with JAX."""

import keras
from keras import layers, ops

from colorize.arrays import Sequences, SequencesOut

FULLY_UNROLLED, UNROLLED_BY = 16, 8
"""Timesteps up to which no loop is left, and steps that an iteration has beyond: on an H200 twice as fast as a loop of
single steps at 8, 16, 64 and 256 (`docs/gpu.md`)."""


def bidirectional_gru(units: int, name: str, initializer: str = "glorot_uniform") -> layers.Bidirectional:
    """A bidirectional GRU of Keras's defaults that returns the sequences of both directions.

    Args:
        units: U of one direction.
        initializer: of the kernels of the inputs.
    """
    gru = layers.GRU(units, return_sequences=True, kernel_initializer=initializer, name="gru")
    kind = BidirectionalGru if is_faster() else layers.Bidirectional  # which any Keras opens, in a file too
    return kind(gru, merge_mode=None, name=name)


@keras.saving.register_keras_serializable("colorize")
class BidirectionalGru(layers.Bidirectional):
    """The weights, their names and the results are those of Keras's layer; only by `bidirectional_gru`.

    A GPU waits for the host to start each of the many small products of a GRU. On TensorFlow cuDNN has a kernel for all
    of them; on JAX there is none, and Keras runs a loop for each direction. Here both advance together, products of
    the inputs come before the loop, and few timesteps have none.

    Args:
        layer: a GRU without dropout, of Keras's defaults but for units and initializers, that returns sequences.
        merge_mode: None.
    Call arguments:
        sequences: (B, T, F); T is known.
    Returns:
        the forward and the backward half, (B, T, U) each, in the order of the sequence.
    """

    def call(
        self, sequences: Sequences, initial_state=None, mask=None, training=None
    ) -> tuple[SequencesOut, SequencesOut]:
        """As in Keras; with an initial state or a mask, Keras's own."""
        if initial_state is None and mask is None:
            return self._in_one_loop(sequences)
        return super().call(sequences, initial_state, mask, training)

    def _in_one_loop(self, sequences: Sequences) -> tuple[SequencesOut, SequencesOut]:
        """As Keras's GRU with `reset_after`: Cho et al. 2014, the reset gate after the product, as in cuDNN."""
        kernel, recurrent_kernel, bias = [self._of_both(name) for name in ("kernel", "recurrent_kernel", "bias")]
        given = ops.matmul(sequences, ops.concatenate(ops.unstack(kernel, 2), axis=-1))
        onward, back = ops.split(given, 2, axis=-1)  # (B, T, 3 U)
        given = ops.stack([onward, ops.flip(back, axis=1)]) + bias[:, None, None, 0]
        given = ops.transpose(given, (2, 0, 1, 3))  # (T, 2, B, 3 U)

        def step(state, now):
            update, reset, candidate = ops.split(now, 3, axis=-1)
            of_state = ops.matmul(state, recurrent_kernel) + bias[:, None, 1]
            of_update, of_reset, of_candidate = ops.split(of_state, 3, axis=-1)
            update = ops.sigmoid(update + of_update)
            candidate = ops.tanh(candidate + ops.sigmoid(reset + of_reset) * of_candidate)
            state = update * state + (1 - update) * candidate
            return state, state

        timesteps, start = given.shape[0], ops.zeros_like(given[0, ..., : self.forward_layer.units])
        unroll = timesteps if timesteps <= FULLY_UNROLLED else UNROLLED_BY
        _, states = ops.scan(step, start, given, unroll=unroll)
        forward, backward = ops.unstack(ops.transpose(states, (1, 2, 0, 3)), 2, axis=0)
        return forward, ops.flip(backward, axis=1)

    def _of_both(self, name: str):
        """A weight of the two directions, (2, ...)."""
        cells = self.forward_layer.cell, self.backward_layer.cell
        return ops.stack([ops.convert_to_tensor(getattr(cell, name), self.compute_dtype) for cell in cells])


def is_faster() -> bool:
    """Whether one loop is faster here."""
    return keras.backend.backend() == "jax" and keras.distribution.list_devices()[0].startswith("gpu")
