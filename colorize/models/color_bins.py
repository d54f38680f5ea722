"""Bins of colour for the head that classifies: which there are, how often they occur, how pixels are shared out.

Legend: Q bins, P any axes before the last.
"""

from dataclasses import dataclass

import numpy as np
from keras import ops

from colorize.arrays import Ab, RgbPhotos, Shares
from colorize.config.model import BinsHead, Head
from colorize.data.dataset import Photos

STANDARD_313 = {
    -90: (50, 90), -80: (20, 90), -70: (0, 90), -60: (-20, 90), -50: (-30, 100), -40: (-40, 100), -30: (-50, 100),
    -20: (-50, 100), -10: (-60, 100), 0: (-70, 100), 10: (-80, 90), 20: (-80, 90), 30: (-90, 90), 40: (-100, 90),
    50: (-100, 80), 60: (-110, 80), 70: (-110, 80), 80: (-110, 70), 90: (-110, 70), 100: (-90, 0),
}  # fmt: skip
"""Of the standard bins at each a: the smallest and the largest b."""


@dataclass(frozen=True)
class Bins:
    """Colours on a grid in the ab plane.

    Attributes:
        centres: (Q, 2), Lab units.
        shares: (Q,), of the pixels of the training photos; they sum to 1.
    """

    centres: np.ndarray
    shares: np.ndarray

    def __len__(self) -> int:
        return len(self.centres)

    @classmethod
    def of_rows(cls, rows: list[tuple[float, float, float]]) -> "Bins":
        """Out of a, b and share of each."""
        table = np.array(rows)
        return cls(table[:, :2], table[:, 2])

    def rows(self) -> list[tuple[float, float, float]]:
        """Of each bin a, b and share."""
        return [(float(a), float(b), float(share)) for (a, b), share in zip(self.centres, self.shares)]


def bins_for(head: Head, photos: Photos) -> Bins | None:
    """What a head needs to know of the training photos: their bins where it classifies, else nothing."""
    return bins_of(photos, head) if isinstance(head, BinsHead) else None


def bins_of(photos: Photos, config: BinsHead) -> Bins:
    """The bins of some photos: those that occur, or the standard ones, with the share of pixels in each.

    A pixel belongs to the nearest grid point. Exactly grey pixels are no exception: grey is a colour that photos have.
    """
    reach = int(np.ceil(128 / config.grid))
    counts = np.zeros((2 * reach + 1, 2 * reach + 1), np.int64)  # rows a, columns b
    for _, rgb in photos.batches():
        counts += _counted(rgb, config.grid, reach)
    centres = standard_bins() if config.bins == "standard" else (np.argwhere(counts) - reach) * float(config.grid)
    a, b = (centres / config.grid).astype(int).T + reach
    return Bins(centres, counts[a, b] / counts.sum())


def _counted(rgb: RgbPhotos, grid: int, reach: int) -> np.ndarray:
    from skimage.color import rgb2lab  # here: a served model paints without it

    ab = rgb2lab(rgb)[..., 1:].reshape(-1, 2)
    a, b = np.round(ab / grid).astype(int).T + reach
    side = 2 * reach + 1
    return np.bincount(a * side + b, minlength=side * side).reshape(side, side)


def standard_bins() -> np.ndarray:
    """The 313 bins of Zhang et al. 2016, section 2.1, at a grid of 10: (313, 2) in Lab units, a first.

    The authors' file, not their sentence: by their definition, in the gamut, there are 261 that some sRGB colour is
    nearest to; 52 more at its border are none's.
    """
    return np.array([(a, b) for a, (low, high) in STANDARD_313.items() for b in range(low, high + 1, 10)], float)


def rebalancing(bins: Bins, sigma: float, uniform: float) -> np.ndarray:
    """Weight of each bin: w = 1 / ((1 - u) p + u / Q'), scaled so that sum p w = 1 (Zhang et al. 2016, eq. 4).

    p is the share of each bin, smoothed by a Gaussian over the bins in the ab plane and scaled to sum 1; the uniform
    part is over the Q' bins that occur. A bin that does not occur gets at most the largest weight of those that do.

    Args:
        sigma: Lab units, of the Gaussian.
        uniform: u.
    Returns:
        float64 (Q,).
    """
    distances = ((bins.centres[:, None] - bins.centres[None]) ** 2).sum(axis=-1)
    smoothed = np.exp(-distances / (2 * sigma**2)) @ bins.shares
    smoothed /= smoothed.sum()
    occurs = bins.shares > 0
    mixed = (1 - uniform) * smoothed + uniform * occurs / occurs.sum()
    weights = 1 / np.maximum(mixed, mixed[occurs].min())
    return weights / (smoothed * weights).sum()


def soft_targets(ab: Ab, centres: np.ndarray, neighbours: int, sigma: float) -> Shares:
    """Shares a colour out among its nearest bins by a Gaussian (Zhang et al. 2016, section 2.1).

    Args:
        ab: (P, 2), Lab units.
        centres: (Q, 2).
        neighbours: among how many bins; of bins exactly as far away as the last of them, all.
        sigma: Lab units.
    Returns:
        float32 (P, Q); each sums to 1.
    """
    centres = centres.astype("float32")
    squared = sum(ops.square(ab[..., None, c] - centres[:, c]) for c in (0, 1))  # (P, Q)
    if neighbours < len(centres):
        farthest = -ops.top_k(-squared, neighbours)[0][..., -1:]
        squared = ops.where(squared <= farthest, squared, np.inf)
    return ops.softmax(-squared / (2 * sigma**2), axis=-1)
