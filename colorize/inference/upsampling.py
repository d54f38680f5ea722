"""From ab at the model's size to ab at the photo's, a band of rows at a time.

Legend: h w rows and columns of the model's picture, H W those of the photo, n rows of a band.
"""

from typing import Literal

import numpy as np
from scipy.ndimage import uniform_filter

from colorize.inference.predict import resized

Upsampling = Literal["bilinear", "guided"]

RADIUS = 1
"""Cells of the model's picture around one, within which ab is taken for a straight line of lightness."""

EPSILON = 16.0
"""Variance of lightness, L squared, below which a neighbourhood counts as flat: nothing is learned from it."""


class Bilinear:
    """Colours between two cells are a mixture of theirs.

    Args:
        ab: float32 (h, w, 2), Lab units, of the whole photo.
        size: (W, H) of the photo.
    """

    def __init__(self, ab: np.ndarray, size: tuple[int, int]):
        self.planes, self.size = ab, size

    def band(self, top: int, rows: int, lightness: np.ndarray | None = None) -> np.ndarray:
        """ab, float32 (n, W, 2), of some rows from `top` on; their lightness, (n, W), makes no difference."""
        return self._resized(top, rows)

    def _resized(self, top: int, rows: int) -> np.ndarray:
        width, height = self.size
        scale = len(self.planes) / height
        box = (0, top * scale, self.planes.shape[1], min((top + rows) * scale, len(self.planes)))
        return resized(self.planes, (width, rows), box)


class Guided(Bilinear):
    """Bilinear, and sharpened along the edges of the lightness: around each cell a slope says how much ab changes with
    L, and it multiplies what the photo's lightness has more than the cells'.

    The slopes are those of the guided filter (He et al. 2013, Guided image filtering, eq. 5, averaged as in eq. 8). The
    filter itself would blur the colours by its window once more, and came out worse than bilinear.

    Args:
        ab, size: as of `Bilinear`.
        lightness: float32 (h, w), 0..100, of the same cells.
    """

    def __init__(self, ab: np.ndarray, lightness: np.ndarray, size: tuple[int, int]):
        guide = lightness[..., None]
        covariance = _mean(guide * ab) - _mean(guide) * _mean(ab)
        variance = _mean(guide * guide) - _mean(guide) ** 2
        slope = _mean(covariance / (variance + EPSILON))
        super().__init__(np.concatenate([ab, slope, guide], axis=-1), size)

    def band(self, top: int, rows: int, lightness: np.ndarray | None = None) -> np.ndarray:
        """As `Bilinear.band`; of this lightness."""
        assert lightness is not None
        resized = self._resized(top, rows)
        ab, slope, guide = resized[..., :2], resized[..., 2:4], resized[..., 4:]
        return ab + slope * (lightness[..., None] - guide)


def _mean(planes: np.ndarray) -> np.ndarray:
    """Over the neighbourhood of each cell of (h, w, C)."""
    side = 2 * RADIUS + 1
    return uniform_filter(planes, (side, side, 1), mode="nearest")
