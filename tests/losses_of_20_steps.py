"""Prints the losses of 20 steps on the backend in KERAS_BACKEND, from weights that no backend's generator made."""

import json
import os

import keras
import numpy as np

from colorize.command_line import composed
from colorize.data.batches import Batches
from colorize.data.sources import read_dataset
from colorize.models.colorizer import Colorizer, build_network
from colorize.optimizer import build_optimizer


def main() -> None:
    """Dropout is off: the backends draw other random numbers from the same seed."""
    config = composed(
        ["decoder.dropout=0", "data.height=32", "data.width=64", f"backend={os.environ['KERAS_BACKEND']}"]
    )
    photos = read_dataset(config.data).train
    batches = Batches(photos, 32, 64, 8, config.data.augmentation, config.seed)
    colorizer = Colorizer(build_network(config), config.head)
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 1 / np.sqrt(max(1, np.prod(w.shape[:-1]))), w.shape) for w in colorizer.network.weights]
    colorizer.network.set_weights(weights)
    colorizer.compile(optimizer=build_optimizer(config.optimizer, epochs=2, steps_per_epoch=10))
    losses = []
    for step in range(20):
        logs = colorizer.train_on_batch(batches.batch(step), return_dict=True)
        total = float(logs["loss"]) * (step + 1)  # Keras reports the mean so far
        losses.append(total - sum(losses))
    print(json.dumps({"backend": keras.backend.backend(), "losses": losses}))


if __name__ == "__main__":
    main()
