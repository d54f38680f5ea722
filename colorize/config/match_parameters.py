"""Sizing one fusion to the number of parameters of another, before Keras starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import yaml

from colorize.config.base import CONFIGS, options
from colorize.config.fusion import FeatureMap, Fusion
from colorize.config.messages import Problem, Refusal, nearest
from colorize.config.schema import Config

OPTIONS = CONFIGS / "fusion"
TOLERANCE = 0.02
"""Share by which two numbers of parameters may differ and still count as matched."""
LARGEST = 2**20
"""No size is tried above this."""


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


def with_matched_fusion(config: Config, locate: Callable[[str], str | None] | None = None) -> Config:
    """The configuration with its fusion sized as `fusion.match_parameters_of` asks, if it does.

    Raises:
        Refusal: there is no such option, it does not say its parameters, or no size comes within 2 %.
    """
    fusion, name = config.fusion, config.fusion.match_parameters_of
    if name is None or not fusion.SIZES:
        return config
    try:
        match = matched(fusion, _option(name), config.feature_map)
    except NotImplementedError as error:
        raise Refusal([Problem("fusion.match_parameters_of", "two fusions that say it", str(error))], locate) from None
    if abs(match.deviation) > TOLERANCE:
        expected = f"within {TOLERANCE:.0%} of the {match.wanted:,} parameters of fusion={name}"
        raise Refusal([Problem("fusion.match_parameters_of", expected, f"at best: {match}")], locate)
    return config.model_copy(update={"fusion": match.fusion})


def match_of(config: Config) -> Match | None:
    """Both numbers of a configuration whose fusion was sized to another; None where it was not."""
    fusion, name = config.fusion, config.fusion.match_parameters_of
    if name is None or not fusion.SIZES:
        return None
    return Match(fusion, fusion.parameters(config.feature_map), _option(name).parameters(config.feature_map))


def _option(name: str) -> Fusion:
    known = sorted(path.stem for path in OPTIONS.glob("*.yaml") if path.stem != "none")
    if name not in known:
        expected = f"an option of fusion that has parameters: {', '.join(known)}"
        raise Refusal([Problem("fusion.match_parameters_of", expected, name, nearest(name, known))])
    values = yaml.safe_load((OPTIONS / f"{name}.yaml").read_text())
    return options(Fusion)[values["name"]].model_validate(values)


def matched(fusion: Fusion, like: Fusion, feature_map: FeatureMap) -> Match:
    """Changes the sizes of a fusion until it has as many parameters as another, or as near as can be.

    The first of its sizes is made as large as it can be without having more, the second with it in proportion; then
    the last one is tuned.

    Args:
        like: the other, at its own sizes.
        feature_map: that both are given.
    """
    wanted = like.parameters(feature_map)
    coarse, fine, step = fusion.SIZES[0], fusion.SIZES[-1], fusion.size_step()
    ratio = getattr(fusion, fine) / getattr(fusion, coarse)

    def parameters(sizes: dict[str, int]) -> int:
        return fusion.model_copy(update=sizes).parameters(feature_map)

    def proportional(n: int) -> dict[str, int]:
        return {fine: max(1, round(n * step * ratio)), coarse: n * step}

    n = _largest(lambda n: parameters(proportional(n)) <= wanted)
    candidates = [proportional(n), proportional(n + 1)]
    if fine != coarse:
        tuned = _largest(lambda m: parameters(proportional(n) | {fine: m}) <= wanted)
        candidates += [proportional(n) | {fine: m} for m in (tuned, tuned + 1)]
    kin = [fusion, *([like] if type(like) is type(fusion) else [])]  # of one kind, sizes that fit exactly are known
    candidates += [{name: getattr(each, name) for name in fusion.SIZES} for each in kin]
    sizes = min(candidates, key=lambda sizes: abs(parameters(sizes) - wanted))
    return Match(fusion.model_copy(update=sizes), parameters(sizes), wanted)


def _largest(fits: Callable[[int], bool]) -> int:
    """The largest n from 1 to `LARGEST` that fits; 1 where none does. What fits must fit at every smaller n."""
    low, high = 1, LARGEST
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
