"""Prints the losses of the default run's first 20 steps on the backend in KERAS_BACKEND.

The kernels come from NumPy: each backend's own generator would draw others.
"""

import json
import os

import keras
import numpy as np

from colorize.config.compose import composed
from colorize.data.batches import Batches
from colorize.data.load import read_dataset
from colorize.models.colorizer import build_network
from colorize.training.learner import Learner
from colorize.training.optimizer import build_optimizer


def main() -> None:
    """Dropout is off: the backends draw other random numbers from the same seed."""
    config = composed(["decoder.dropout=0", f"backend={os.environ['KERAS_BACKEND']}"])
    data = config.data
    photos = read_dataset(data).train
    batches = Batches(photos, data.height, data.width, data.batch_size, data.augmentation, config.seed)
    colorizer = Learner(build_network(config))
    rng = np.random.default_rng(0)
    weights = colorizer.network.get_weights()  # biases and normalisations start the same; kernels do not
    weights = [rng.normal(0, np.prod(w.shape[:-1]) ** -0.5, w.shape) if w.ndim > 1 else w for w in weights]
    colorizer.network.set_weights(weights)
    colorizer.compile(optimizer=build_optimizer(config.optimizer, config.trainer.epochs, batches.steps_per_epoch))
    losses = []
    for step in range(20):
        colorizer.reset_metrics()  # or Keras would report the mean so far
        losses.append(float(colorizer.train_on_batch(batches.batch(step), return_dict=True)["loss"]))
    print(json.dumps({"backend": keras.backend.backend(), "losses": losses}))


if __name__ == "__main__":
    main()
