"""The network in training: one compiled step from uint8 RGB to the loss."""

import keras
from keras import ops

from colorize.color import rgb_to_lab
from colorize.compat import STATE_ON_JAX
from colorize.models.colorizer import Network
from colorize.training.device_augmentation import DeviceAugmentation
from colorize.training.optimizer import Guard, kept_if_halted

OF_STEP = "step_"
"""How the names begin of what a step returns of itself alone; all else is a mean over the epoch so far."""


class AbRootMeanSquare(keras.metrics.Mean):
    """Root of the mean squared ab error over every pixel and both channels, in Lab units."""

    def update_state(self, ab_true, ab_predicted, sample_weight=None):
        """Adds a batch of (B, H, W, 2); a smaller last batch counts for less."""
        error = ops.mean(ops.square(ab_true - ab_predicted), axis=(1, 2, 3))
        super().update_state(error, sample_weight)

    def result(self):
        """Lab units."""
        return ops.sqrt(super().result())


class Last(keras.metrics.Metric):
    """The last value it was given."""

    def __init__(self, name: str):
        super().__init__(name=name)
        self.value = self.add_weight((), "zeros", name="value")

    def update_state(self, value):
        """Takes a scalar."""
        self.value.assign(value)

    def result(self):
        """It."""
        return ops.convert_to_tensor(self.value)


class Learner(keras.Model):
    """Trains a network: `fit` and `evaluate` take uint8 RGB (B, H, W, 3) and no target.

    A batch is turned into Lab once, at the beginning of a step. Its weights are those of the network.

    Args:
        network: what `build_network` returned.
        augmentation: what a training step makes its pictures with; None: they come as they are.
    Call arguments:
        inputs: lightness, L in 0..100 (B, H, W, 1), and the features of the frozen part, where they are known already.
    Returns:
        what the head learns.
    """

    def __init__(self, network: Network, augmentation: DeviceAugmentation | None = None):
        super().__init__(name="learner", dtype="float32")
        self.augmentation = augmentation
        self.parts, self.head, self.losses_by_label = network, network.head, network.losses
        self.network, self.backbone = network.model, network.backbone  # so that Keras knows their weights
        self.ab_rmse = AbRootMeanSquare(name="ab_rmse")
        several = network.losses if len(network.losses) > 1 else ()  # else it is the loss
        self.terms = {label: keras.metrics.Mean(name=f"loss_{label}") for label in several}
        self.of_step = {label: Last(f"{OF_STEP}loss_{label}") for label in several} | {"loss": Last(f"{OF_STEP}loss")}
        self.built = True  # as its parts are

    def __setattr__(self, name: str, value):
        """As in Keras, which looks for layers in all that is set; not in the state of each step: that took .4 ms."""
        if name == STATE_ON_JAX:
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def compile(self, *args, **kwargs):
        """As in Keras, and builds the optimizer: built within the first step, TensorFlow would trace the step twice."""
        super().compile(*args, **kwargs)
        self.optimizer.build(self.trainable_variables)

    def call(self, inputs, training=False):
        """The output of the network."""
        lightness, *known = inputs
        return self.parts.output(lightness, known, training)

    def train_step(self, *given):
        """As in Keras; a step at which the optimizer halts changes no weight, statistic, metric or seed.

        Returns:
            what Keras expects, with more among the logs: `halted`, 1 from the step on whose gradient was not finite,
            and of this step `step_loss`, its terms, `step_gradient_norm` and `step_learning_rate`.
        """
        *state, batch = given
        given = (*state, lab_of(self._augmented(batch)))
        if not isinstance(self.optimizer, Guard):
            return super().train_step(*given)
        return self._step_of_state(*given) if state else self._step_in_place(*given)

    def gather(self, batch):
        """A batch of the loader with the photos that the device has; any other as it is.

        On JAX an argument of the step: of what a step finds in its surroundings, JAX makes constants.
        """
        return self.augmentation.with_photos(batch) if self.augmentation else batch

    def _augmented(self, batch):
        """As `lab_of` takes it."""
        if self.augmentation is None:
            return batch
        given, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
        stored, drawn, *known = self.gather(given)
        return ((self.augmentation(stored, drawn), *known),)

    def test_step(self, *given):
        """As in Keras."""
        *state, batch = given
        return super().test_step(*state, lab_of(batch))

    def _step_in_place(self, data):
        """On TensorFlow the variables themselves are changed."""
        variables = [*self.non_trainable_variables, *self.metrics_variables]
        before = [ops.copy(variable) for variable in variables]
        logs = super().train_step(data)

        def restore():
            for variable, value in zip(variables, before):
                variable.assign(value)

        halted = ops.convert_to_tensor(self.optimizer.halted)
        ops.cond(ops.equal(halted, 1), restore, lambda: None)
        return {**logs, **self._numbers(), "halted": halted}

    def _step_of_state(self, state, data):
        """On JAX their values are given and returned: trainable, not trainable, of the optimizer, of the metrics."""
        logs, after = super().train_step(state, data)
        trainable, statistics, optimizer, metrics = [list(values) for values in after]
        mapping = list(zip(self.optimizer.variables, optimizer))
        with keras.StatelessScope(state_mapping=mapping):
            halted = ops.convert_to_tensor(self.optimizer.halted)
        kept = [kept_if_halted(halted, *pair) for pair in zip(state, (trainable, statistics, optimizer, metrics))]
        kept[2] = [
            halted if variable is self.optimizer.halted else value
            for variable, value in zip(self.optimizer.variables, kept[2])
        ]
        return {**logs, **self._numbers(), "halted": halted}, tuple(kept)

    def _numbers(self) -> dict:
        """What the optimizer knows of the step under way."""
        optimizer = self.optimizer
        return {f"{OF_STEP}gradient_norm": optimizer.norm, f"{OF_STEP}learning_rate": optimizer.rate}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The sum of the terms against the photo's own ab; if it is not finite, no gradient is."""
        values = {label: weight * term(y, y_pred) for label, (weight, term) in self.losses_by_label.items()}
        first, *others = values.values()
        loss = sum(others, first)
        for label, mean in self.terms.items():
            mean.update_state(values[label])
        for label, last in self.of_step.items():
            last.update_state(values.get(label, loss))
        return loss * ops.where(ops.isfinite(loss), 1.0, float("nan"))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Loss and ab RMSE, in Lab units."""
        self.ab_rmse.update_state(y, self.head.ab(y_pred))
        return self.get_metrics_result()


def lab_of(batch):
    """A batch as Keras hands it to a step -> lightness and the features of the frozen part, and the photos' own ab.

    Args:
        batch: (photos,); photos are uint8 RGB (B, H, W, 3), or a tuple of that and the features.
    """
    photos, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
    rgb, *known = photos if isinstance(photos, (list, tuple)) else [photos]
    lab = rgb_to_lab(rgb)
    return (lab[..., :1], *known), lab[..., 1:]
