"""AdamW under warm-up and cosine decay, the averaged weights that are evaluated and kept, and a guard against NaN."""

from collections.abc import Sequence

import keras
from keras import ops

from colorize.config.training import AdamW

NOT_DECAYED = ["bias", "gamma", "beta"]
"""Weight decay pulls kernels towards 0; for these there is no reason to."""


class GuardedAdamW(keras.optimizers.AdamW):
    """AdamW (Loshchilov and Hutter 2019) that halts at the first gradient whose norm is not finite.

    That step changes no weight, no moment and no average, and neither does any step after it: who looks only now and
    then still finds the weights as they were, and `iterations` says which step it was.

    Args:
        clip_norm: larger gradients are scaled down to this norm, as Keras's `global_clipnorm` does.
        slow: variables that know much already: their learning rate is multiplied by `slow_factor`, and no weight decay
            pulls them towards 0, away from what they know.
    Attributes:
        halted: variable, 0 or 1.
        rate_scale: variable that the scheduled learning rate is multiplied by: 1, less after a step back.
    """

    _stateless = False

    def __init__(self, *args, clip_norm: float, slow: Sequence = (), slow_factor: float = 1.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.clip_norm, self.slow_factor = clip_norm, slow_factor
        self._slow = frozenset(self._var_key(variable) for variable in slow)
        self.exclude_from_weight_decay(var_list=slow, var_names=NOT_DECAYED)

    def build(self, variables):
        """Makes the two variables besides AdamW's own."""
        if not self.built:
            self.halted = self.add_variable((), "zeros", "int32", name="halted")
            self.rate_scale = self.add_variable((), "ones", "float32", name="rate_scale")
        super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        """As in Keras, at the rate of this variable."""
        if self._var_key(variable) in self._slow:
            learning_rate = learning_rate * self.slow_factor
        super().update_step(gradient, variable, learning_rate)

    def _get_current_learning_rate(self):
        return super()._get_current_learning_rate() * self.rate_scale

    def apply(self, grads, trainable_variables=None):
        """As in Keras, unless halted."""
        # One norm for both: where it overflows, clipping by it would make NaN of weights, though no element is.
        norm = ops.sqrt(ops.sum(ops.stack([ops.sum(ops.square(g)) for g in grads if g is not None])))
        halted = ops.maximum(self.halted, ops.cast(ops.logical_not(ops.isfinite(norm)), "int32"))
        scale = self.clip_norm * ops.minimum(1.0 / norm, 1.0 / self.clip_norm)
        grads = [g if g is None else g * scale for g in grads]
        self.halted.assign(halted)
        if self._stateless:
            super().apply(grads, trainable_variables)
        else:
            ops.cond(
                ops.equal(halted, 0), lambda: super(GuardedAdamW, self).apply(grads, trainable_variables), lambda: None
            )

    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        """As in Keras, and `halted` says whether the values before are to be kept, which the caller still has.

        (XLA fuses such a choice with the update; a condition around the update would copy all of it.)
        """
        self._stateless = True
        try:
            return super().stateless_apply(optimizer_variables, grads, trainable_variables)
        finally:
            self._stateless = False

    @property
    def place_of_halted(self) -> int:
        """Which of `variables` it is, for who has their values alone."""
        return next(place for place, variable in enumerate(self.variables) if variable is self.halted)

    def finalize_variable_values(self, var_list):
        """Nothing: Keras would put the averages in the place of the weights, with which training may go on."""


def build_optimizer(
    config: AdamW, epochs: int, steps_per_epoch: int, slow: Sequence = (), slow_factor: float = 1.0
) -> keras.optimizers.Optimizer:
    """AdamW whose rate rises linearly in the warm-up, then falls by a cosine to 0; `slow` as of `GuardedAdamW`."""
    steps = epochs * steps_per_epoch
    warmup = min(round(config.warmup * steps), steps - 1)  # Keras wants a step to decay in
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else config.learning_rate,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
        decay_steps=steps - warmup,
    )
    return GuardedAdamW(
        schedule,
        weight_decay=config.weight_decay,
        clip_norm=config.clip_norm,
        use_ema=config.average > 0,
        ema_momentum=config.average,
        ema_overwrite_frequency=None,  # training goes on from its own weights
        slow=slow,
        slow_factor=slow_factor,
    )
