"""Sizing one fusion to the number of parameters of another; both are built to be counted, so Keras has started."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import keras

from colorize.config.fusion import FeatureMap, Fusion, fusion_named
from colorize.config.messages import Problem, Refusal
from colorize.config.registry import build
from colorize.config.schema import Config

TOLERANCE = 0.02
"""Share by which two numbers of parameters may differ and still count as matched."""
LARGEST = 2**20
"""No size is tried above this."""
GUESSES = 8
"""Sizes that are tried by a guess, before halves of what is left."""
IMPOSSIBLE = 2**62
"""Parameters of a fusion that cannot be: more than any has."""


@dataclass(frozen=True)
class Match:
    """A fusion with sizes of its own, and both numbers of parameters."""

    fusion: Fusion
    parameters: int
    wanted: int

    @property
    def deviation(self) -> float:
        """Share by which it has more than was wanted."""
        return self.parameters / self.wanted - 1

    def __str__(self) -> str:
        sizes = ", ".join(f"{name}={getattr(self.fusion, name)}" for name in self.fusion.SIZES)
        return (
            f"fusion={self.fusion.name} has {self.parameters:,} parameters where"
            f" fusion={self.fusion.match_parameters_of} has {self.wanted:,} ({self.deviation:+.1%}): {sizes}"
        )


def matched_fusion(config: Config) -> Match | None:
    """The fusion of a configuration, sized as `fusion.match_parameters_of` asks; None where nothing is asked.

    Raises:
        Refusal: no size comes within 2 %.
    """
    fusion, name = config.fusion, config.fusion.match_parameters_of
    if name is None or not fusion.SIZES:
        return None
    match = matched(fusion, fusion_named(name), config.feature_map)
    if abs(match.deviation) > TOLERANCE:
        expected = f"within {TOLERANCE:.0%} of the {match.wanted:,} parameters of fusion={name}"
        raise Refusal([Problem("fusion.match_parameters_of", expected, f"at best: {match}")])
    return match


def with_matched_fusion(config: Config) -> Config:
    """The configuration with its fusion sized as it asks; the same where it asks nothing.

    Raises:
        Refusal: no size comes within 2 %.
    """
    match = matched_fusion(config)
    return config.model_copy(update={"fusion": match.fusion}) if match else config


def count_parameters(fusion: Fusion, feature_map: FeatureMap) -> int:
    """Weights of a fusion at a feature map, as Keras counts them; `IMPOSSIBLE` where it cannot be there."""
    if any(fusion.problems_at(feature_map)):
        return IMPOSSIBLE
    return _counted(fusion.model_dump_json(), type(fusion), feature_map)


@cache  # the jobs of a sweep ask for the same
def _counted(fusion: str, kind: type[Fusion], feature_map: FeatureMap) -> int:
    features = keras.Input((feature_map.rows, feature_map.columns, feature_map.channels))
    return keras.Model(features, build(kind.model_validate_json(fusion), features)).count_params()


def matched(fusion: Fusion, like: Fusion, feature_map: FeatureMap) -> Match:
    """Changes the sizes of a fusion until it has as many parameters as another, or as near as can be.

    The first of its sizes is made as large as it can be without having more, the second with it in proportion; then
    the last one is tuned.

    Args:
        like: the other, at its own sizes.
        feature_map: that both are given.
    """
    wanted = count_parameters(like, feature_map)
    exact = [each for each in (fusion, like) if type(each) is type(fusion)]  # of one kind, sizes that fit are known
    candidates = [{name: getattr(each, name) for name in fusion.SIZES} for each in exact]
    coarse, fine, step = fusion.SIZES[0], fusion.SIZES[-1], fusion.size_step()
    ratio = getattr(fusion, fine) / getattr(fusion, coarse)

    def parameters(sizes: dict[str, int]) -> int:
        return count_parameters(fusion.model_copy(update=sizes), feature_map)

    def proportional(n: int) -> dict[str, int]:
        return {fine: max(1, round(n * step * ratio)), coarse: n * step}

    n = _largest(lambda n: parameters(proportional(n)), wanted, getattr(fusion, coarse) // step)
    candidates += [proportional(n), proportional(n + 1)]
    if fine != coarse:
        tuned = _largest(lambda m: parameters(proportional(n) | {fine: m}), wanted, proportional(n)[fine])
        candidates += [proportional(n) | {fine: m} for m in (tuned, tuned + 1)]
    sizes = min(candidates, key=lambda sizes: abs(parameters(sizes) - wanted))
    return Match(fusion.model_copy(update=sizes), parameters(sizes), wanted)


def _largest(parameters: Callable[[int], int], wanted: int, start: int) -> int:
    """The largest n from 1 to `LARGEST` with at most so many parameters; 1 where none has. They must grow with n.

    Each is built to be counted, so few are tried: parameters grow at most like n squared, which says where to look.

    Args:
        start: is tried first.
    """
    low, high, n, tried = 0, LARGEST + 1, min(max(start, 1), LARGEST), 0
    while high - low > 1:
        found, tried = parameters(n), tried + 1
        low, high = (n, high) if found <= wanted else (low, n)
        is_far_off = found == IMPOSSIBLE or tried > GUESSES
        guess = (low + high) // 2 if is_far_off else round(n * math.sqrt(wanted / max(found, 1)))
        n = min(max(guess, low + 1), high - 1)
    return max(low, 1)
