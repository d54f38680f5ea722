"""Images per second of training steps alone, fed as in a run, on 4,096 photos of noise; the twin's counterpart.

    python tests/benchmarks/gpu/steps.py trainer=gpu data.height=64 data.width=128 data.batch_size=64

Prints the median of five epochs after the first, which compiles. Overrides are those of train.py; JAX unless they say
otherwise.
"""

import statistics
import sys
import time

import numpy as np

from colorize import backend
from colorize.config.compose import composed

config = composed(["backend=jax", *sys.argv[1:]])
device = backend.start(config.backend, config.trainer.device, config.trainer.devices)

import keras  # noqa: E402 - only once it runs where it should

keras.utils.set_random_seed(config.seed)

from colorize.data.batches import Batches  # noqa: E402
from colorize.data.dataset import Photos  # noqa: E402
from colorize.data.loader import Loader  # noqa: E402
from colorize.distribution.devices import feed  # noqa: E402
from colorize.models.colorizer import build_network  # noqa: E402
from colorize.training.device_augmentation import device_augmentation  # noqa: E402
from colorize.training.learner import Learner  # noqa: E402
from colorize.training.optimizer import build_optimizer  # noqa: E402

EPOCHS, PHOTOS = 6, 4096


def main() -> None:
    """Builds what a run builds for its steps, and nothing else."""
    data, trainer = config.data, config.trainer
    names = tuple(map(str, range(PHOTOS)))
    noise = np.random.default_rng(0).integers(0, 256, (PHOTOS, 128, 128, 3), "uint8")
    photos = Photos(noise, np.arange(PHOTOS), names, names, (data.height, data.width))
    batches = Batches(photos, data.height, data.width, data.batch_size, data.augmentation, config.seed)
    learner = Learner(build_network(config), device_augmentation(data, batches, device))
    steps = batches.steps_per_epoch
    learner.compile(build_optimizer(config.optimizer, EPOCHS, steps))
    loader = Loader(batches, EPOCHS * steps, trainer.num_workers, trainer.prefetch_batches)
    clock = [(time.perf_counter(), 0.0)]

    def read_clock(epoch, logs):
        float(logs["loss"])  # waits for the device
        clock.append((time.perf_counter(), loader.waited))

    fed = feed(device, loader, batches.for_step(0), learner.gather)
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=read_clock)]
    learner.fit(fed, epochs=EPOCHS, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=callbacks)
    (compiling, _), *epochs = np.diff(clock, axis=0)
    rates = [steps * data.batch_size / seconds for seconds, _ in epochs]
    waited = sum(waiting for _, waiting in epochs) / sum(seconds for seconds, _ in epochs)
    print(
        f"colorize, Keras {keras.__version__} on {config.backend} {trainer.precision} {data.height}x{data.width} batch"
        f" {data.batch_size}: {statistics.median(rates):,.0f} images/s ({min(rates):,.0f} to {max(rates):,.0f}),"
        f" {1000 * data.batch_size / statistics.median(rates):.2f} ms a step; the first epoch took {compiling:.0f} s,"
        f" batches were waited for {waited:.1%} of the time after it",
        flush=True,
    )


main()
