"""Six bins of colour, a head over them, and their formulas as loops in NumPy."""

import numpy as np

from colorize.config.compose import composed
from colorize.models.color_bins import Bins
from colorize.models.heads import Classification

CONFIG = composed(["head=bins"])
HEAD, TERM = CONFIG.head, CONFIG.loss.terms["cross_entropy"]
CENTRES = np.array([[0.0, 0.0], [0.0, 10.0], [10.0, 0.0], [-20.0, 30.0], [40.0, -10.0], [50.0, 50.0]])
SHARES = np.array([0.5, 0.2, 0.15, 0.1, 0.05, 0.0])


def head(**changes):
    return Classification(HEAD.model_copy(update=changes), Bins(CENTRES, SHARES))


def random_ab(*shape, spread=30.0):
    return np.random.default_rng(0).uniform(-spread, spread, (*shape, 2)).astype("float32")


def targets_by_hand(colour, neighbours, sigma):
    distances = [np.hypot(*(np.asarray(colour, "float64") - centre)) for centre in CENTRES]
    nearest = sorted(range(len(CENTRES)), key=lambda q: distances[q])[:neighbours]
    shares = np.zeros(len(CENTRES))
    for q in nearest:
        shares[q] = np.exp(-(distances[q] ** 2) / (2 * sigma**2))
    return shares / shares.sum()


def weights_by_hand(sigma, uniform):
    smoothed = np.zeros(len(CENTRES))
    for q, centre in enumerate(CENTRES):
        for other, share in zip(CENTRES, SHARES):  # in the ab plane: neighbours in the list may be far apart
            smoothed[q] += share * np.exp(-((centre - other) ** 2).sum() / (2 * sigma**2))
    smoothed /= smoothed.sum()
    weights = np.array([1 / ((1 - uniform) * p + uniform / 5) for p in smoothed])
    alone = 1 / ((1 - uniform) * smoothed[5]) if uniform < 1 else np.inf  # the last bin does not occur
    weights[5] = min(alone, weights[:5].max())
    return smoothed, weights / (smoothed * weights).sum()
