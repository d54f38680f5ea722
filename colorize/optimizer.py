"""AdamW under warm-up and cosine decay, and the averaged weights that are evaluated and kept."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

from colorize.config import AdamW

NOT_DECAYED = ["bias", "gamma", "beta"]
"""Weight decay pulls kernels towards 0; for these there is no reason to."""


def build_optimizer(config: AdamW, epochs: int, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """AdamW (Loshchilov and Hutter 2019); the rate rises linearly in the warm-up, then falls by a cosine to 0."""
    steps = epochs * steps_per_epoch
    warmup = min(round(config.warmup * steps), steps - 1)  # Keras wants a step to decay in
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else config.learning_rate,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
        decay_steps=steps - warmup,
    )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=config.weight_decay,
        global_clipnorm=config.clip_norm,
        use_ema=config.average > 0,
        ema_momentum=config.average,
        ema_overwrite_frequency=None,  # training goes on from its own weights
    )
    optimizer.exclude_from_weight_decay(var_names=NOT_DECAYED)
    return optimizer


@contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Within the context the model has its averaged weights; afterwards its own again, bit for bit."""
    optimizer = model.optimizer
    if not optimizer.use_ema:
        yield
        return
    variables = model.trainable_variables
    # Copies, both ways: on JAX an assigned array is shared, and the step that is compiled next gives its buffer away.
    own = [_copy(variable) for variable in variables]
    for variable, average in zip(variables, optimizer._model_variables_moving_average):
        variable.assign(_copy(average))
    try:
        yield
    finally:
        for variable, value in zip(variables, own):
            variable.assign(value)


def _copy(variable) -> np.ndarray:
    return np.array(variable.numpy(), copy=True)
