"""Losses of 20 steps and the metrics of one evaluation: proof that a change of the code changed nothing else.

`[KERAS_BACKEND=jax] python tests/reference/losses.py` writes the numbers of one backend into `losses.json`. It belongs
before a change; where a change of the numbers is meant, say so with it.
"""

import json
import os
from pathlib import Path

import keras
import numpy as np

STORED = Path(__file__).with_suffix(".json")
STEPS = 20
SMALL = ["tracking=off", "data.height=32", "data.width=48", "data.batch_size=4", "trainer.epochs=1"]
GRU = ["fusion.units=8", "fusion.channels=4"]
PYRAMID = ["encoder.filters=[4,6,8]"]
RUNS = {
    "row_gru": [*PYRAMID, *GRU],
    "min_gru": [*PYRAMID, "fusion=min_gru", "fusion.width=8", "fusion.units=8", "fusion.blocks=2", "fusion.channels=2"],
    "bins": [*PYRAMID, *GRU, "head=bins"],
    "residual": ["encoder=residual", "encoder.width=4", "encoder.normalization=group", "encoder.groups=2", *GRU],
    "efficientnet_lite0": [
        "encoder=efficientnet_lite0", "encoder.weights=none", "encoder.trainable=2", "data.height=64", "data.width=96",
        *GRU,
    ],
}  # fmt: skip
"""Name -> overrides of a small network, trained on the sample with all its augmentation."""


def run(name: str, backend: str):
    """Trains one of `RUNS`.

    Returns:
        the loss of each step, what was trained, and the photos it was not trained on.
    """
    from colorize.config.compose import composed
    from colorize.data.batches import Batches
    from colorize.data.load import read_dataset
    from colorize.models.color_bins import bins_for
    from colorize.models.colorizer import build_network
    from colorize.training.learner import Learner
    from colorize.training.optimizer import build_optimizer

    config = composed([*SMALL, f"backend={backend}", *RUNS[name]])
    dataset = read_dataset(config.data)
    data = config.data
    batches = Batches(dataset.train, data.height, data.width, data.batch_size, data.augmentation, config.seed)
    keras.utils.set_random_seed(config.seed)
    network = build_network(config, bins_for(config.head, dataset.train))
    learner = Learner(network)
    learner.compile(optimizer=build_optimizer(config.optimizer, config.trainer.epochs, batches.steps_per_epoch))
    totals = []
    for step in range(STEPS):  # Keras returns the mean of the epoch so far
        totals.append(float(learner.train_on_batch(batches.batch(step), return_dict=True)["loss"]))
        learner.reset_metrics()
    return totals, network, dataset.val


def metrics_of(network, photos) -> dict[str, float]:
    """What `evaluate` says of a network on some photos; numbers that do not exist are left out."""
    from colorize.config.compose import composed
    from colorize.evaluation.predictors import run_predictors
    from colorize.inference.predict import predictor
    from colorize.models.colorizer import Colorizer

    predict = predictor(Colorizer(network).predict_on_batch, mirror=True)
    measured = run_predictors({"ours": predict}, photos, composed([]).evaluation, 16, lambda done: None)
    return {name: value for name, value in measured.metrics["ours"].items() if np.isfinite(value)}


def main(backend_name: str) -> None:
    """Measures and writes."""
    from colorize import backend

    backend.start(backend_name, "cpu")
    stored = json.loads(STORED.read_text()) if STORED.exists() else {}
    for name in RUNS:
        losses, network, photos = run(name, backend_name)
        stored.setdefault(backend_name, {})[name] = losses
        if name == "row_gru":
            stored[backend_name]["evaluation"] = metrics_of(network, photos)
        print(name, losses[0], losses[-1])
    STORED.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main(os.environ.get("KERAS_BACKEND", "tensorflow"))
