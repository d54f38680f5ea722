"""Computations that several tests hold Keras against, step by step in NumPy."""

import numpy as np


def gru_by_hand(layer, sequence):
    """A GRU with reset_after (Keras's default, cuDNN's variant), step by step in NumPy: (T, F) -> (T, U)."""
    kernel, recurrent, bias = [weight.numpy().astype("float64") for weight in layer.weights]
    state, states = np.zeros(recurrent.shape[0]), []
    for features in sequence:
        reading = np.split(features @ kernel + bias[0], 3)
        memory = np.split(state @ recurrent + bias[1], 3)
        update, reset = [1 / (1 + np.exp(-(reading[i] + memory[i]))) for i in (0, 1)]
        candidate = np.tanh(reading[2] + reset * memory[2])
        state = update * state + (1 - update) * candidate
        states.append(state)
    return np.array(states)
