"""Intervals of 95 % confidence: over seeds by Student's t where there are several, else over photos by bootstrap."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from colorize.comparison.groups import Group
from colorize.metrics.summary import METRICS, Values, pooled

CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 0
"""Of the resampling: the same runs give the same intervals."""

NUMBERS_AT_ONCE = 2_000_000
"""Of one column, in a batch of resamples."""

Limits = tuple[float, float] | None


@dataclass(frozen=True)
class Estimate:
    """A metric of a group: the mean over its runs, its interval, and what the interval is over (seeds, photos)."""

    mean: float | None
    limits: Limits
    over: str


@dataclass(frozen=True)
class Difference:
    """A metric of a group minus that of the reference.

    Attributes:
        mean: over the runs.
        over_photos: bootstrap of the same photos in both, the seeds as they are.
        over_seeds: t of the differences seed by seed where both have the same seeds, else Welch's t; None where one
            of the two has a single run.
        better: share of photos, of the mean of each over its runs, on which the group is better, equal ones counted
            half; None for metrics that a photo does not have.
    """

    mean: float | None
    over_photos: Limits
    over_seeds: Limits
    better: float | None

    @property
    def including_zero(self) -> list[str]:
        """Over what the intervals are that include zero; empty where a difference is shown."""
        known = {"photos": self.over_photos, "seeds": self.over_seeds}
        return [over for over, limits in known.items() if limits and limits[0] <= 0 <= limits[1]]

    def conclusion(self, metric: str) -> str:
        """In words."""
        if self.mean is None or (self.over_photos is None and self.over_seeds is None):
            return "not known: no interval"
        if self.including_zero:
            which = "both intervals include" if len(self.including_zero) == 2 else "the interval includes"
            over = f" over {self.including_zero[0]}" if len(self.including_zero) == 1 else ""
            return f"no difference shown: {which.replace(' include', over + ' include')} zero"
        direction = METRICS[metric].better
        if not direction:
            word = "higher" if self.mean > 0 else "lower"
        else:
            word = "better" if (self.mean < 0) == (direction == "low") else "worse"
        return word if self.over_seeds else f"{word} on these photos; with one seed, another may say otherwise"


def estimates(group: Group) -> dict[str, Estimate]:
    """Each metric of a group."""
    metrics = [run.evaluation.metrics["ours"] for run in group.runs]
    means = {name: _mean([m[name] for m in metrics]) for name in METRICS if name in metrics[0]}
    if len(group.runs) > 1:
        limits = {name: t_limits([m[name] for m in metrics]) for name in means}
        return {name: Estimate(mean, limits[name], "seeds") for name, mean in means.items()}
    values = group.runs[0].values
    limits = bootstrap(len(group.runs[0].keys), lambda rows: pooled(_rows(values, rows)))
    return {name: Estimate(mean, limits.get(name), "photos") for name, mean in means.items()}


def differences(group: Group, reference: Group) -> dict[str, Difference]:
    """Each metric of a group against the reference, on the same photos."""
    photos = len(reference.runs[0].keys)
    of_photos = bootstrap(photos, lambda rows: _subtract(_pooled_mean(group, rows), _pooled_mean(reference, rows)))
    ours, theirs = ([run.evaluation.metrics["ours"] for run in part.runs] for part in (group, reference))
    result = {}
    for name in METRICS:
        if name in ours[0] and name in theirs[0]:
            a, b = [m[name] for m in ours], [m[name] for m in theirs]
            of_seeds = seed_limits(a, b, group.seeds == reference.seeds)
            share = _better_share(group, reference, name)
            result[name] = Difference(_minus(_mean(a), _mean(b)), of_photos.get(name), of_seeds, share)
    return result


def t_limits(values: list[float]) -> Limits:
    """Student's t interval of the mean of some runs."""
    if len(values) < 2 or None in values:
        return None
    error = stats.sem(values)
    if error == 0:
        return float(values[0]), float(values[0])
    low, high = stats.t.interval(CONFIDENCE, len(values) - 1, np.mean(values), error)
    return float(low), float(high)


def seed_limits(ours: list[float], theirs: list[float], paired: bool) -> Limits:
    """The interval of the difference of two means over seeds."""
    if min(len(ours), len(theirs)) < 2 or None in ours + theirs:
        return None
    if paired:
        return t_limits(list(np.subtract(ours, theirs)))
    if np.ptp(ours) == np.ptp(theirs) == 0:
        return (float(ours[0] - theirs[0]),) * 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of values that hardly differ, as counts do
        interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(CONFIDENCE)
    return float(interval.low), float(interval.high)


def bootstrap(photos: int, statistic: Callable[[np.ndarray], dict[str, np.ndarray]]) -> dict[str, Limits]:
    """Percentile intervals of several metrics, photos drawn with replacement.

    Args:
        photos: how many there are.
        statistic: from indices of photos (..., N) to each metric (...,).
    """
    names = list(statistic(np.arange(photos)))
    if photos < 2:
        return dict.fromkeys(names)

    def stacked(rows, axis):
        return np.stack([np.asarray(value, float) for value in statistic(rows).values()])

    drawn = stats.bootstrap(
        (np.arange(photos),), stacked, n_resamples=RESAMPLES, batch=max(1, NUMBERS_AT_ONCE // photos),
        vectorized=True, confidence_level=CONFIDENCE, method="percentile", rng=np.random.default_rng(SEED),
    ).confidence_interval  # fmt: skip
    return {name: _limits(low, high) for name, low, high in zip(names, drawn.low, drawn.high)}


def _limits(low: float, high: float) -> Limits:
    return (float(low), float(high)) if np.isfinite([low, high]).all() else None


def _rows(values: Values, rows: np.ndarray) -> Values:
    return {name: column[rows] for name, column in values.items()}


def _pooled_mean(group: Group, rows: np.ndarray) -> dict[str, np.ndarray]:
    of_runs = [pooled(_rows(run.values, rows)) for run in group.runs]
    return {name: np.mean([metrics[name] for metrics in of_runs], axis=0) for name in of_runs[0]}


def _subtract(ours: dict, theirs: dict) -> dict:
    with np.errstate(invalid="ignore"):  # infinity minus infinity: no interval
        return {name: ours[name] - theirs[name] for name in ours if name in theirs}


def _better_share(group: Group, reference: Group, name: str) -> float | None:
    direction = METRICS[name].better
    if not direction or name not in group.runs[0].values:
        return None
    ours, theirs = (np.mean([run.values[name] for run in part.runs], axis=0) for part in (group, reference))
    gain = theirs - ours if direction == "low" else ours - theirs
    return float(np.mean((gain > 0) + 0.5 * (gain == 0)))


def _mean(values: Sequence[float | None]) -> float | None:
    """None where one is not known: the PSNR of photos that are exact is infinite, and so stored as none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b
