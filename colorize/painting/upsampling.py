"""From ab at the model's size to ab at the photo's, a band of rows at a time.

Legend: h w rows and columns of the model's picture, H W those of the photo, n rows of a band.
"""

from typing import Literal

import numpy as np
from scipy.ndimage import uniform_filter

from colorize.painting.prediction import resized

Upsampling = Literal["bilinear", "guided"]

RADIUS = 2
"""Cells of the model's picture around one, within which ab is a straight line of lightness."""

EPSILON = 4.0
"""Variance of lightness, L squared, below which a neighbourhood counts as flat: it is averaged, not followed."""


class Bilinear:
    """Colours between two cells are a mixture of theirs.

    Args:
        ab: float32 (h, w, 2), Lab units, of the whole photo.
        lightness: float32 (h, w), 0..100, of the same cells.
        size: (W, H) of the photo.
    """

    def __init__(self, ab: np.ndarray, lightness: np.ndarray, size: tuple[int, int]):
        self.planes, self.size = ab, size

    def band(self, lightness: np.ndarray, top: int) -> np.ndarray:
        """ab, float32 (n, W, 2), of the rows from `top` on that have this lightness, (n, W)."""
        return self._resized(top, len(lightness))

    def _resized(self, top: int, rows: int) -> np.ndarray:
        width, height = self.size
        scale = len(self.planes) / height
        box = (0, top * scale, self.planes.shape[1], min((top + rows) * scale, len(self.planes)))
        return resized(self.planes, (width, rows), box)


class Guided(Bilinear):
    """Colours follow the edges of the lightness: around each cell ab is fitted as slope x L + offset, the two are
    brought up bilinearly, and meet the lightness of the photo at full size.

    He and Sun 2015, Fast guided filter (arXiv 1505.00996), algorithm 2; the small picture is the network's own.
    """

    def __init__(self, ab: np.ndarray, lightness: np.ndarray, size: tuple[int, int]):
        guide = lightness[..., None]
        mean_guide, mean_ab = _mean(guide), _mean(ab)
        covariance = _mean(guide * ab) - mean_guide * mean_ab
        variance = _mean(guide * guide) - mean_guide * mean_guide
        slope = covariance / (variance + EPSILON)
        offset = mean_ab - slope * mean_guide
        super().__init__(np.concatenate([_mean(slope), _mean(offset)], axis=-1), lightness, size)

    def band(self, lightness: np.ndarray, top: int) -> np.ndarray:
        """As `Bilinear.band`."""
        lines = self._resized(top, len(lightness))
        return lines[..., :2] * lightness[..., None] + lines[..., 2:]


UPSAMPLING = {"bilinear": Bilinear, "guided": Guided}


def _mean(planes: np.ndarray) -> np.ndarray:
    """Over the neighbourhood of each cell of (h, w, C)."""
    side = 2 * RADIUS + 1
    return uniform_filter(planes, (side, side, 1), mode="nearest")
