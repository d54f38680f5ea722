"""How a network is trained, judged and tracked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from colorize.config.section import Count, Positive, Section, Share


class AdamW(Section):
    """AdamW under a linear warm-up and a cosine decay, with averaged weights."""

    name: Literal["adamw"]
    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    warmup: Share
    """Share of the run in which the learning rate rises."""
    weight_decay: Annotated[float, Field(ge=0)]
    clip_norm: Annotated[float, Field(gt=0)]
    """Largest norm of all gradients together."""
    average: Share
    """Momentum of the averaged weights, which are the ones evaluated and kept."""


class Trainer(Section):
    """How long, on what, and what is shown on the way."""

    epochs: Positive
    device: Literal["cpu", "gpu"]
    precision: Literal["float32", "mixed_bfloat16"]
    loader_threads: Positive
    batches_ahead: Positive
    """Batches that are gathered before they are asked for."""
    strips: Count
    """Held-out photos painted while training."""
    strip_every: Positive
    """Epochs between two paintings of them."""


class Evaluation(Section):
    """What is measured beside the metrics that need no network, and what is painted."""

    mirror: bool
    """Whether colours are the mean of the photo's own and of its mirror image's."""
    perceptual: bool
    """Whether LPIPS and FID are measured, with the weights below."""
    lpips_weights: str | None
    """File of AlexNet's weights for LPIPS."""
    inception_weights: str | None
    """File of Inception-v3's weights for FID."""
    strips: Count
    """How many of the best, of the median and of the worst photos are painted."""
    painted: Count
    """How many photos, the same of every run, are painted for `compare`."""


class MlflowTracking(Section):
    """A run in MLflow."""

    name: Literal["mlflow"]
    uri: str | None
    """Address of a tracking server; null is MLFLOW_TRACKING_URI, else `mlflow.db` beside the project."""
    experiment: str


class NoTracking(Section):
    """Nothing but the output folder."""

    name: Literal["off"]
