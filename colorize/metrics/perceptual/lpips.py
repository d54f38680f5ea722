"""LPIPS, a distance between photos that agrees with people better than errors of pixels do.

Zhang, Isola, Efros, Shechtman and Wang, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR
2018, equation 1: activations of a network for object recognition, divided by their length at each place; their squared
differences, weighted by channel; the mean over places, the sum over layers. This is version 0.1 with AlexNet, the one
that papers report.

Shapes: B photos, H rows, W columns, C channels.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from colorize.arrays import Features, PerPhoto, RgbPhotos
from colorize.errors import UserError
from colorize.metrics.perceptual.layers import frozen_convolution
from colorize.metrics.perceptual.weight_files import Arrays, read_weights

# Mean and deviation of ImageNet's colours on the scale -1..1, as the authors rounded them.
RGB_MEAN = np.array([-0.030, -0.088, -0.188], "float32")
RGB_DEVIATION = np.array([0.458, 0.448, 0.450], "float32")

LAYERS = 5  # convolutions of AlexNet, each compared after its ReLU
POOLED = (0, 1)  # those after which the network takes the maximum of 3 x 3, every second row and column
LENGTH_FLOOR = 1e-10  # added to the length of a place's activations, which may be 0
SMALLEST_SIDE_PIXELS = 31  # below it nothing is left after the second pooling


class Lpips:
    """LPIPS v0.1 with AlexNet.

    Args:
        path: weights, as `read_weights` wants them.
    Raises:
        UserError: the weights cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.network = build_network(read_weights(path, "lpips"))

    def distances(self, rgb: RgbPhotos, painted: RgbPhotos) -> PerPhoto:
        """The distance of each pair of photos.

        Args:
            rgb, painted: uint8 (B, H, W, 3), compared at this size: distances at different sizes differ.
        Returns:
            float64 (B,), without unit: 0 for equal photos (up to rounding), in practice below 1, symmetric.
        Raises:
            UserError: photos of less than 31 rows or columns.
        """
        rows, columns = rgb.shape[1:3]
        if min(rows, columns) < SMALLEST_SIDE_PIXELS:
            raise UserError(
                f"LPIPS needs photos of at least {SMALLEST_SIDE_PIXELS} rows and columns, but these have {rows} rows"
                f" and {columns} columns: set data.height and data.width higher, or evaluation.perceptual=false"
            )
        return np.asarray(self.network.predict_on_batch([rgb, painted]), "float64")


def build_network(weights: Arrays) -> keras.Model:
    """Two batches of photos, uint8 (B, H, W, 3) -> their distances, float32 (B,)."""
    rgb, painted = (keras.Input((None, None, 3), dtype="uint8") for _ in range(2))
    convolutions = [_convolution(weights, layer) for layer in range(LAYERS)]
    heads = [weights[f"NetLinLayer_{layer}.Conv_0.kernel"][0, 0, :, 0] for layer in range(LAYERS)]
    activations = zip(_activations(rgb, convolutions), _activations(painted, convolutions))
    distances = [_distance(*pair, head) for pair, head in zip(activations, heads)]
    return keras.Model([rgb, painted], sum(distances[1:], distances[0]))


def _convolution(weights: Arrays, layer: int) -> layers.Layer:
    kernel, bias = (weights[f"AlexNet_0.Conv_{layer}.{part}"] for part in ("kernel", "bias"))
    return frozen_convolution(kernel, bias, *((4, "valid") if layer == 0 else (1, "same")))


def _activations(rgb: RgbPhotos, convolutions: list[layers.Layer]) -> list[Features]:
    x = (ops.cast(rgb, "float32") / 127.5 - 1.0 - RGB_MEAN) / RGB_DEVIATION
    # With strides of 4, "same" would pad by what the size needs; AlexNet pads by 2 on every side.
    x = ops.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)])
    activations = []
    for layer, convolution in enumerate(convolutions):
        x = convolution(x)
        activations.append(x)
        if layer in POOLED:
            x = ops.max_pool(x, 3, 2, "valid", "channels_last")
    return activations


def _distance(a: Features, b: Features, head: np.ndarray) -> PerPhoto:
    difference = _directions(a) - _directions(b)
    return ops.mean(ops.sum(difference * difference * head, axis=-1), axis=(1, 2))


def _directions(x: Features) -> Features:
    length = ops.sqrt(ops.sum(x * x, axis=-1, keepdims=True))
    return x / (length + LENGTH_FLOOR)
