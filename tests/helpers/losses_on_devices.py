"""Prints the losses of 20 steps and the colours of five photos after them, learned on one device and on several: JAX.

python losses_on_devices.py NUMBER OVERRIDE...
"""

import json
import os
import sys

os.environ["JAX_NUM_CPU_DEVICES"] = sys.argv[1]
os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

from colorize import backend
from colorize.config.compose import composed
from colorize.data.batches import Batches
from colorize.data.load import read_dataset
from colorize.distribution.devices import feed, on_all_devices
from colorize.models.color_bins import bins_for
from colorize.models.colorizer import Colorizer, build_network
from colorize.training.device_augmentation import device_augmentation
from colorize.training.learner import Learner
from colorize.training.optimizer import build_optimizer

SMALL = ["data.height=32", "data.width=64", "data.batch_size=8", "data.max_photos=20"]
STEPS = 20


def learned(config, photos, number: int) -> dict:
    """On so many devices."""
    device = backend.start("jax", "cpu", number)
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    batches = Batches(photos, config.data.height, config.data.width, 8, config.data.augmentation, config.seed)
    with on_all_devices(device):
        network = build_network(config, bins_for(config.head, photos), pretrained=True)
        learner = Learner(network, device_augmentation(config.data, batches, device))
        learner.compile(build_optimizer(config.optimizer, 1, STEPS))
    losses = []
    keep = keras.callbacks.LambdaCallback(on_train_batch_end=lambda step, logs: losses.append(float(logs["step_loss"])))
    given = ((batches.for_step(k),) for k in range(STEPS + 1))
    fed = feed(device, given, batches.for_step(0), learner.gather)
    learner.fit(fed, steps_per_epoch=STEPS, shuffle=False, verbose=0, callbacks=[keep])
    ab = keras.ops.convert_to_numpy(Colorizer(network).predict_on_batch(photos.fitted(range(5))))
    devices = {len(variable.value.devices()) for variable in learner.variables + learner.optimizer.variables}
    return {"losses": losses, "ab": np.asarray(ab, "float64").ravel().tolist(), "devices": sorted(devices)}


if __name__ == "__main__":
    chosen = composed(["backend=jax", *SMALL, *sys.argv[2:]])
    own = read_dataset(chosen.data).train
    print(json.dumps({number: learned(chosen, own, number) for number in (1, int(sys.argv[1]))}))
