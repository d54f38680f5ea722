"""Which builder makes which fusion."""

from collections.abc import Callable

from colorize.config.fusion import Fusion

FUSIONS: dict[type[Fusion], Callable] = {}
"""Class of the configuration -> builder."""


def builds(config: type[Fusion]) -> Callable[[Callable], Callable]:
    """Marks a function as the builder of a fusion: (config, features, trace) -> fused map."""

    def mark(builder: Callable) -> Callable:
        FUSIONS[config] = builder
        return builder

    return mark
