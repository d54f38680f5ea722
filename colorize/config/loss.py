"""What is minimised: a sum of terms, each under a label of its own, which is what it is logged by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from colorize.config.base import Option, Positive, Section
from colorize.config.messages import Problem
from colorize.config.model import BinsHead

if TYPE_CHECKING:
    from colorize.config.schema import Config


class Term(Option):
    """One term of the loss."""

    GROUP: ClassVar = "loss"
    BUILDER: ClassVar = "colorize.models.losses"

    weight: Annotated[float, Field(gt=0)]
    """What it is multiplied by in the sum."""


class Losses(Section):
    """Label -> term; a field for each, settled with the configuration."""

    @property
    def terms(self) -> dict[str, Term]:
        """In the order in which they were written."""
        return {label: getattr(self, label) for label in type(self).model_fields}


class _Regression(Term):
    chroma_weight: Annotated[float, Field(ge=0)]
    """How much more a pixel counts per 100 Lab units of its true chroma; 0 counts all alike."""


class SmoothL1(_Regression):
    """Huber 1964, eq. 1.4, divided by delta."""

    name: Literal["smooth_l1"]
    delta: Annotated[float, Field(gt=0)]
    """Lab units at which it goes over from quadratic to linear."""


class L1(_Regression):
    """The absolute error."""

    name: Literal["l1"]


class L2(_Regression):
    """The squared error."""

    name: Literal["l2"]


class CrossEntropy(Term):
    """Against soft targets among the bins of ab, rebalanced (Zhang et al. 2016)."""

    name: Literal["cross_entropy"]
    neighbours: Positive
    """Bins among which a pixel's colour is shared out."""
    sigma: Annotated[float, Field(gt=0)]
    """Lab units: width of the Gaussian by which it is, and by which the bins' frequencies are smoothed."""
    uniform_fraction: Annotated[float, Field(ge=0, le=1)]
    """Share of the uniform distribution in the one by whose inverse bins are weighted; 1: all count alike."""
    grey_below: Annotated[float, Field(ge=0)]
    """Lab units: a photo none of whose |a|, |b| is larger is left out."""

    def problems(self, config: Config) -> Iterator[Problem]:
        """A head that tells no bins."""
        if not isinstance(config.head, BinsHead):
            yield Problem("head", "head=bins, whose bins loss=cross_entropy is about", f"head={config.head.name}")
