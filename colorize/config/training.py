"""How a network is trained, evaluated and tracked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from colorize.config.base import Count, Option, Positive, Section, Share
from colorize.config.messages import Problem

if TYPE_CHECKING:
    from colorize.config.schema import Config

SQLITE = "sqlite:///"
"""How the address of a database in a file begins; its path follows."""


def file_of(uri: str) -> Path | None:
    """The file of an SQLite database; None where it is another database, or a server."""
    return Path(uri.removeprefix(SQLITE)).resolve() if uri.startswith(SQLITE) else None


class Optimizer(Option):
    """One of Keras's optimizers under a linear warm-up and a cosine decay, with averaged weights."""

    GROUP: ClassVar = "optimizer"
    BUILDER: ClassVar = "colorize.training.optimizer"

    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    """At its highest, after the warm-up."""
    warmup_fraction: Share
    """Share of the run in which the learning rate rises."""
    weight_decay: Annotated[float, Field(ge=0)]
    """Of kernels only, not of biases and norms."""
    clip_norm: Annotated[float, Field(gt=0)]
    """Largest norm of all gradients together."""
    ema_decay: Share
    """Momentum of the averaged weights, which are the ones evaluated and kept."""
    accumulate: Positive
    """Batches whose gradients are averaged before they move the weights, as those of one batch of so many times the
    size; for a memory in which that has no room. A training step is still one batch."""


class AdamW(Optimizer):
    """Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization"."""

    name: Literal["adamw"]


class Sgd(Optimizer):
    """Stochastic gradient descent with momentum."""

    name: Literal["sgd"]
    momentum: Share
    """Share of the step before that is taken again."""
    nesterov: bool
    """Whether the gradient is taken where the momentum leads."""


class Lion(Optimizer):
    """Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms": the sign of a momentum, at small rates."""

    name: Literal["lion"]


class Muon(Optimizer):
    """Jordan et al. 2024: orthogonalised momentum for kernels, AdamW for all that is no matrix."""

    name: Literal["muon"]
    adam_lr_ratio: Annotated[float, Field(gt=0)]
    """What the learning rate is multiplied by for what AdamW trains."""


class CheckpointPlan(Section):
    """When the whole state of a run is saved, besides at its start, at its end and where it is stopped."""

    every_epochs: Positive
    """Epochs from one to the next."""
    every_steps: Positive | None
    """Within an epoch too; null for runs whose epochs are short."""
    keep: Positive
    """Checkpoints that stay; older ones are removed."""
    max_consecutive_failures: Positive
    """Failures in a row (a full disk) after which the run ends."""


class OnNan(Section):
    """What follows a loss or a gradient that is not finite; no weight is changed by it."""

    action: Literal["stop", "rollback"]
    """End the run; or go on from the last checkpoint with a smaller learning rate."""
    max_rollbacks: Positive
    """Rollbacks in one run, after which it ends."""
    lr_factor: Annotated[float, Field(gt=0, lt=1)]
    """What the learning rate is multiplied by at each."""


class Trainer(Section):
    """How long, on what, and what is shown on the way."""

    epochs: Positive
    """Passes over the training photos."""
    max_minutes: Annotated[float, Field(gt=0)] | None
    """Minutes that the run may take, over all its processes; then it is evaluated as it is, and can go on by `resume`
    with more. null: no limit."""
    patience: Positive | None
    """Epochs without a lower ab RMSE on val after which the run ends; null: none."""
    overfit_steps: Count
    """Steps of an epoch on one batch alone, without dropout, which must be learned by heart; 0: trains as usual."""
    profile_steps: Count
    """Steps that are traced, after the first ten; then the run ends. 0: none."""
    device: Literal["cpu", "gpu"]
    """What trains; a run with `gpu` refuses to start without one."""
    devices: Positive | Literal["all"]
    """How many of them, of each host: each has the network and computes its part of every batch. JAX alone."""
    hosts: Annotated[list[str], Field(min_length=1)] | None
    """HOST[:PORT] of the processes that train together, the first of which writes and tracks; null: as Keras's
    variables `KERAS_DISTRIBUTION_...` or a step of Slurm's says, and one process where neither is there. JAX alone."""
    precision: Literal["float32", "mixed_bfloat16"]
    """Of the computation; weights are float32 either way."""
    num_workers: Positive
    """Threads that crop, resize and gather batches."""
    prefetch_batches: Positive
    """Batches that are gathered before they are asked for."""
    batch_timeout_seconds: Positive
    """How long a batch may take to be gathered; then it is tried once more, and then the run ends."""
    checkpoint: CheckpointPlan
    on_nan: OnNan
    num_visualized_photos: Count
    """Held-out photos painted while training."""
    visualize_every_epochs: Positive
    """Epochs between two paintings of them."""

    def problems(self, config: Config) -> Iterator[Problem]:
        """Several devices on another backend than JAX, and a batch that cannot be divided among them."""
        if config.backend != "jax" and self.devices != 1:
            expected = f"1 with backend={config.backend}; several need backend=jax"
            yield Problem("trainer.devices", expected, f"{self.devices}")
        if config.backend != "jax" and self.hosts and len(self.hosts) > 1:
            expected = f"null with backend={config.backend}; several need backend=jax"
            yield Problem("trainer.hosts", expected, f"{self.hosts}")
        batch_size = config.data.batch_size
        if isinstance(batch_size, int) and isinstance(self.devices, int) and batch_size % self.devices:
            expected = f"a multiple of trainer.devices={self.devices}: it is the batch of all devices together"
            yield Problem("data.batch_size", expected, f"{batch_size}")


class EvaluationConfig(Section):
    """What is measured beside the metrics that need no network, and what is painted."""

    flip_tta: bool
    """Whether colours are the mean of the photo's own and of its mirror image's; painting then looks closer, too."""
    perceptual: bool
    """Whether LPIPS and FID are measured, with the weights below."""
    lpips_weights: str | None
    """File of AlexNet's weights for LPIPS."""
    inception_weights: str | None
    """File of Inception-v3's weights for FID."""
    reference: bool
    """Whether metrics that scikit-image has are computed again by it, on some of the photos."""
    num_visualized_photos: Count
    """How many of the best, of the median and of the worst photos are painted."""
    num_compared_photos: Count
    """How many photos, the same of every run, are painted for `compare`."""


class Tracking(Option):
    """Where a run is logged."""

    GROUP: ClassVar = "tracking"


class MlflowTracking(Tracking):
    """A run in MLflow."""

    model_config = ConfigDict(serialize_by_alias=True)

    name: Literal["mlflow"]
    uri: str | None
    """Address of a tracking server; null is MLFLOW_TRACKING_URI, else `mlflow.db` in the working folder."""
    experiment: str
    """The experiment under which the MLflow UI lists the run."""
    patience: Annotated[float, Field(ge=0)]
    """Seconds that the end of a run waits for a server that does not answer."""
    every_steps: Positive | None
    """Steps from one point to the next of the curves by step: loss, gradients, learning rate, speed; null: none."""
    register_as: Annotated[
        Annotated[str, Field(pattern=r"^[\w][\w .+-]*$", max_length=200)] | None, Field(alias="register")
    ]
    """Name of a registered model that the run's model becomes a version of: champion or challenger. (`register` itself
    is taken in pydantic.)"""

    @property
    def is_left_behind(self) -> bool:
        """Whether the database was to lie in a folder that is gone: it was moved, with the runs that note it."""
        file = file_of(self.uri or "")
        return file is not None and not file.parent.exists()


class NoTracking(Tracking):
    """Nothing but the output folder."""

    name: Literal["off"]
