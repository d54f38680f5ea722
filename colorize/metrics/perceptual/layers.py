"""A convolution with given weights, of which the networks that evaluate photos are made."""

import numpy as np
from keras import layers


def frozen_convolution(kernel: np.ndarray, bias: np.ndarray, strides: int = 1, padding: str = "same") -> layers.Layer:
    """A convolution with ReLU and given weights: kernel (rows, columns, C in, C out), bias (C out,).

    It computes in float32 whatever the policy of the training is, and draws no random numbers.
    """
    *size, channels, filters = kernel.shape
    layer = layers.Conv2D(
        filters, size, strides, padding, "channels_last", activation="relu", kernel_initializer="zeros", dtype="float32"
    )
    layer.build((None, None, None, channels))
    layer.set_weights([kernel, bias])
    return layer
