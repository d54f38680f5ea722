"""Curves by step: what the epochs' means hide."""

from colorize.backend import Device, memory_bytes
from colorize.tracking.tracker import Tracker
from colorize.training.callbacks import Reader
from colorize.training.learner import OF_STEP
from colorize.training.state import TrainState

GROUP = "train_step"
"""In MLflow, behind the curves of the epochs."""


class StepCurves(Reader):
    """Sends the numbers of single steps to the tracker: loss and terms, norm of the gradients, learning rate, speed.

    What a step returns stays where it was computed until it is read, twice a second at most and before a checkpoint:
    training does not wait for it. Values are those of the step alone, so that a run that goes on repeats them exactly;
    `images_per_second` is measured, between two of these steps.

    Args:
        state: after `Speed` has counted the step.
        every: steps from one to the next; None: none is sent.
    """

    def __init__(self, state: TrainState, tracker: Tracker, device: Device, every: int | None):
        super().__init__()
        self.state, self.tracker, self.device, self.every = state, tracker, device, every
        self._waiting: list[tuple[int, dict]] = []
        self._begun: tuple[int, float] | None = None

    def on_train_batch_end(self, batch, logs=None):
        """Keeps what a step returned, where it is one that is shown."""
        if not self.every:
            return
        if self._begun is None:
            self._begun = self._so_far()
        if self.state.step % self.every == 0:
            values = {name.removeprefix(OF_STEP): value for name, value in logs.items() if name.startswith(OF_STEP)}
            self._waiting.append((self.state.step, {**values, **self._measured()}))

    def read(self, logs):
        """Sends what is known by now: the step under way is not yet among it."""
        self.send()

    def on_epoch_end(self, epoch, logs=None):
        """Sends what is left."""
        self.send()

    def send(self) -> None:
        """Reads what steps have returned, and sends it."""
        waiting, self._waiting = self._waiting, []
        for step, values in waiting:
            self.tracker.metrics({f"{GROUP}/{name}": float(value) for name, value in values.items()}, step)

    def forget(self) -> None:
        """Sends nothing of steps that are taken back, and measures anew."""
        self._waiting, self._begun = [], None

    def _so_far(self) -> tuple[int, float]:
        return self.state.images, self.state.seconds_training

    def _measured(self) -> dict[str, float]:
        images, seconds = [now - before for now, before in zip(self._so_far(), self._begun or (0, 0.0))]
        self._begun = self._so_far()
        memory = memory_bytes(self.device)
        speed = {"images_per_second": images / seconds} if seconds else {}
        return speed if memory is None else {**speed, "device_memory_bytes": memory}
