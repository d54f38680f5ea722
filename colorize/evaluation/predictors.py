"""Predictors over a stream of photos: of a photo, nothing but its numbers is kept."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from keras import ops

from colorize.config.training import EvaluationConfig
from colorize.data.dataset import Photos
from colorize.image_grid import colorize_lightness
from colorize.metrics.per_photo import PhotoMetrics, count_colours
from colorize.metrics.summary import Values, pooled

Predictor = Callable[[np.ndarray], np.ndarray]
"""uint8 RGB (B, H, W, 3) -> ab (B, H, W, 2) in Lab units; it may look at the lightness only."""

XLA_FROM_PIXELS = 2**23
"""Of all photos: XLA computes the numbers twice as fast, after two seconds that it needs to compile."""


@dataclass(frozen=True)
class Measured:
    """What some predictors come to on the same photos.

    Attributes:
        values: predictor -> numbers of each photo.
        metrics: predictor -> metric of all photos, by its name in `summary.METRICS`.
        truth: colorfulness and colorfulness_abs of the photos themselves.
    """

    values: dict[str, Values]
    metrics: dict[str, dict[str, float]]
    truth: dict[str, float]


def run_predictors(
    predictors: dict[str, Predictor], photos: Photos, evaluation: EvaluationConfig, batch_size: int, advance: Callable
) -> Measured:
    """Runs all predictors over all photos, twice: the balance of colours must be known before it can weigh them.

    Args:
        evaluation: whether LPIPS and FID are measured too.
        batch_size: photos at a time.
        advance: called with a number of photos, in all twice that of `photos`.
    """
    xla = len(photos) * photos.size[0] * photos.size[1] >= XLA_FROM_PIXELS
    metrics = PhotoMetrics(count_colours(with_progress(photos, batch_size, advance), xla))
    metrics.jit_compile = xla
    perceptual = _perceptual(evaluation, predictors)
    numbers: dict[str, list[Values]] = {name: [] for name in predictors}
    for part, rgb in photos.batches(batch_size):
        for name, predict in predictors.items():
            ab = ops.convert_to_numpy(predict(rgb))
            of_batch = _numbers(metrics, rgb, ab, min(batch_size, len(photos)))
            numbers[name].append(of_batch | perceptual.add(name, rgb, ab))
        advance(part.stop - part.start)
    values = {name: _joined(batches) for name, batches in numbers.items()}
    summed = {name: _plain(pooled(v)) | perceptual.of_set(name) for name, v in values.items()}
    first = next(iter(values.values()))
    truth = {name: float(first[f"{name}_truth"].mean()) for name in ("colorfulness", "colorfulness_abs")}
    return Measured(values, summed, truth)


def with_progress(photos: Photos, batch_size: int | None, advance: Callable) -> Iterator[np.ndarray]:
    """The photos in batches; tells of each when it is done with."""
    for part, rgb in photos.batches(batch_size):
        yield rgb
        advance(part.stop - part.start)


def _numbers(metrics: PhotoMetrics, rgb: np.ndarray, ab: np.ndarray, batch_size: int) -> Values:
    """The numbers of one batch, filled up to the size of all others, so that nothing is compiled for the last."""
    fill = [(0, batch_size - len(rgb))] + [(0, 0)] * 3
    result = metrics.predict_on_batch([np.pad(rgb, fill), np.pad(ab, fill)])
    return {name: np.asarray(value, "float64")[: len(rgb)] for name, value in result.items()}


def _joined(batches: list[Values]) -> Values:
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def _plain(metrics: dict) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}


def _perceptual(evaluation: EvaluationConfig, predictors: dict):
    return _Perceptual(evaluation, predictors) if evaluation.perceptual else _Nothing()


class _Nothing:
    """LPIPS and FID were not asked for."""

    def add(self, name: str, rgb: np.ndarray, ab: np.ndarray) -> Values:
        return {}

    def of_set(self, name: str) -> dict[str, float]:
        return {}


class _Perceptual:
    """LPIPS of each photo, FID of the set."""

    def __init__(self, evaluation: EvaluationConfig, predictors: dict):
        from colorize.metrics.perceptual.fid import InceptionFeatures, Moments
        from colorize.metrics.perceptual.lpips import Lpips

        self.lpips = Lpips(evaluation.lpips_weights or "")
        self.features = InceptionFeatures(evaluation.inception_weights or "")
        self.truth, self.first = Moments(), next(iter(predictors))
        self.painted = {name: Moments() for name in predictors}

    def add(self, name: str, rgb: np.ndarray, ab: np.ndarray) -> Values:
        """Adds a batch of one predictor; returns the distance of each photo."""
        painted = colorize_lightness(rgb, ab)
        if name == self.first:
            self.truth.add(self.features(rgb))
        self.painted[name].add(self.features(painted))
        return {"lpips": self.lpips.distances(rgb, painted)}

    def of_set(self, name: str) -> dict[str, float]:
        """FID of all photos of one predictor."""
        from colorize.metrics.perceptual.fid import frechet_distance

        return {"fid": frechet_distance(self.truth, self.painted[name])}
