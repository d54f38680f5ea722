"""Keras's optimizers under warm-up and cosine decay, with averaged weights and a guard against NaN."""

from collections.abc import Sequence
from functools import lru_cache

import keras
from keras import ops

from colorize.compat import micro_steps, moving_averages, variable_key
from colorize.config.registry import build, builds
from colorize.config.training import AdamW, Lion, Muon, Optimizer, Sgd

NOT_DECAYED = ["bias", "gamma", "beta"]
"""Weight decay pulls kernels towards 0; for these there is no reason to."""


class Guard(keras.optimizers.Optimizer):
    """Halts an optimizer at the first gradient whose norm is not finite: see `guarded`.

    That step changes no weight, no moment and no average, and neither does any step after it: who looks only now and
    then still finds the weights as they were, and `iterations` says which step it was.

    Args:
        clip_norm: larger gradients are scaled down to this norm, as Keras's `global_clipnorm` does; of several batches
            whose gradients are accumulated, their mean is.
        slow: variables that know much already: their learning rate is multiplied by `slow_factor`, and no weight decay
            pulls them towards 0, away from what they know.
    Attributes:
        halted: variable, 0 or 1.
        norm, rate: of the gradients of a batch, before clipping, and the learning rate; within the step that `apply`
            is part of.
        rate_scale: variable that the scheduled learning rate is multiplied by: 1, less after a rollback.
    """

    def __init__(self, *args, clip_norm: float, slow: Sequence = (), slow_factor: float = 1.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.clip_norm, self.slow_factor = clip_norm, slow_factor
        self._slow = {variable_key(self, variable) for variable in slow}
        self.exclude_from_weight_decay(var_list=slow, var_names=NOT_DECAYED)

    def build(self, variables):
        """Makes the two variables besides the optimizer's own."""
        if not self.built:
            self.halted = self.add_variable((), "zeros", "int32", name="halted")
            self.rate_scale = self.add_variable((), "ones", "float32", name="rate_scale")
        super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        """As in Keras, at the rate of this variable."""
        if variable_key(self, variable) in self._slow:
            learning_rate = learning_rate * self.slow_factor
        super().update_step(gradient, variable, learning_rate)

    def _get_current_learning_rate(self):
        if self.gradient_accumulation_steps:  # Keras asks its schedule by batches there too, not by moves
            return self._learning_rate(self.iterations) * self.rate_scale
        return super()._get_current_learning_rate() * self.rate_scale

    def apply(self, grads, trainable_variables=None):
        """As in Keras, unless halted."""
        # One norm for both: where it overflows, clipping by it would make NaN of weights, though no element is.
        self.norm, self.rate = _norm(grads), ops.convert_to_tensor(self.learning_rate)
        halted = ops.maximum(self.halted, ops.cast(ops.logical_not(ops.isfinite(self.norm)), "int32"))
        self.halted.assign(halted)
        if keras.backend.backend() == "tensorflow":
            ops.cond(ops.equal(halted, 0), lambda: super(Guard, self).apply(grads, trainable_variables), lambda: None)
        else:  # XLA fuses the choice with the update, which `kept_if_halted` makes; a condition would copy all of it
            super().apply(grads, trainable_variables)

    def _clip_gradients(self, grads):
        norm = _norm(grads) if self.gradient_accumulation_steps else self.norm
        scale = self.clip_norm * ops.minimum(1.0 / norm, 1.0 / self.clip_norm)
        return [g if g is None else g * scale for g in grads]

    def _update_model_variables_moving_average(self, trainable_variables):
        """As in Keras, but only where weights were moved: it would average the same weights again between."""
        steps = self.gradient_accumulation_steps
        if not steps:
            return super()._update_model_variables_moving_average(trainable_variables)
        averages = moving_averages(self)
        before = [ops.copy(average) for average in averages]
        super()._update_model_variables_moving_average(trainable_variables)
        is_moved = ops.equal((micro_steps(self) + 1) % steps, 0)
        for average, value in zip(averages, before):
            average.assign(ops.where(is_moved, ops.convert_to_tensor(average), value))

    def finalize_variable_values(self, var_list):
        """Nothing: Keras would put the averages in the place of the weights, with which training may go on."""


def _norm(gradients: list):
    """Of all gradients together."""
    return ops.sqrt(ops.sum(ops.stack([ops.sum(ops.square(g)) for g in gradients if g is not None])))


def kept_if_halted(halted, before: list, after: list) -> list:
    """Values of variables: those of before the step where it was not finite, else those after it."""
    return [ops.where(ops.equal(halted, 1), *pair) for pair in zip(before, after)]


@lru_cache
def guarded(optimizer: type[keras.optimizers.Optimizer]) -> type:
    """One of Keras's optimizers with the guard around its `apply`."""
    return type(f"Guarded{optimizer.__name__}", (Guard, optimizer), {})


@builds(AdamW)
def adamw(config: AdamW, rate, **common):
    """Keras's AdamW."""
    return guarded(keras.optimizers.AdamW)(rate, **common)


@builds(Sgd)
def sgd(config: Sgd, rate, **common):
    """Keras's SGD."""
    return guarded(keras.optimizers.SGD)(rate, config.momentum, config.nesterov, **common)


@builds(Lion)
def lion(config: Lion, rate, **common):
    """Keras's Lion."""
    return guarded(keras.optimizers.Lion)(rate, **common)


@builds(Muon)
def muon(config: Muon, rate, **common):
    """Keras's Muon; what AdamW trains is decayed as the rest."""
    return guarded(keras.optimizers.Muon)(
        rate, adam_lr_ratio=config.adam_lr_ratio, adam_weight_decay=config.weight_decay, **common
    )


def build_optimizer(
    config: Optimizer, epochs: int, steps_per_epoch: int, slow: Sequence = (), slow_factor: float = 1.0
) -> keras.optimizers.Optimizer:
    """The optimizer, guarded; its rate rises linearly in the warm-up, then falls by a cosine to 0.

    Of several batches to a move of the weights (`accumulate`), the rate counts the moves.

    Args:
        slow, slow_factor: as of `Guard`.
    """
    steps = max(1, epochs * steps_per_epoch // config.accumulate)
    warmup = min(round(config.warmup_fraction * steps), steps - 1)  # Keras wants a step to decay in
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else config.learning_rate,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
        decay_steps=steps - warmup,
    )
    return build(
        config,
        schedule,
        weight_decay=config.weight_decay,
        clip_norm=config.clip_norm,
        use_ema=config.ema_decay > 0,
        ema_momentum=config.ema_decay,
        gradient_accumulation_steps=config.accumulate if config.accumulate > 1 else None,
        ema_overwrite_frequency=None,  # training goes on from its own weights
        slow=slow,
        slow_factor=slow_factor,
    )
