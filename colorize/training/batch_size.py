"""The largest batch that a GPU has room for: found before training, or where it ran out of memory."""

import gc
import math
from collections.abc import Callable

import keras
import numpy as np
from rich.console import Console

from colorize.backend import Device, is_out_of_memory
from colorize.config.schema import Config
from colorize.console import say
from colorize.data.batches import Batches
from colorize.data.dataset import Dataset
from colorize.errors import UserError
from colorize.models.color_bins import Bins, bins_for
from colorize.models.colorizer import build_network
from colorize.training.device_augmentation import device_augmentation
from colorize.training.feature_cache import caches_features
from colorize.training.learner import Learner
from colorize.training.optimizer import build_optimizer

AUTO = "auto"

MARGIN = 1 / 8
"""By so much larger than what is asked for is a batch that is tried: validation and painting need room too."""


def with_batch_size(config: Config, dataset: Dataset, device: Device, found: int | str | None) -> Config:
    """A configuration whose batch size is a number: in the place of `auto` the largest power of two that fits.

    Args:
        found: when the run began that goes on, which keeps to it.

    Raises:
        UserError: not even one photo does, or the batch cannot be divided among the devices.
    """
    size = config.data.batch_size
    if isinstance(size, int):
        if size % device.number:
            raise UserError(
                f"data.batch_size={size} cannot be divided among {device}: expected a multiple of {device.number}"
            )
        return config
    if device.processes.number > 1:
        raise UserError("data.batch_size=auto is for one host: on several, give the batch of all devices together")
    if isinstance(found, int):
        return _sized(config, found)
    exponents = int(np.log2(max(len(dataset.train) // device.number, 1)))
    of_one = largest(exponents, _trial(config, dataset, device))
    if of_one is None:
        raise UserError(f"data.batch_size=auto: {device.name} has no room for one photo; {LESS}")
    say(Console(), f"data.batch_size=auto: {of_one * device.number} photos fit into {device}")
    return _sized(config, of_one * device.number)


LESS = "lower data.height and data.width, or take a smaller encoder"


def largest(exponents: int, fits: Callable[[int], bool]) -> int | None:
    """The largest power of two that fits, up to that of `exponents`, by bisection; None where 1 does not."""
    fitting, too_large = -1, exponents + 1
    while too_large - fitting > 1:
        middle = (fitting + too_large) // 2
        fitting, too_large = (middle, too_large) if fits(2**middle) else (fitting, middle)
    return None if fitting < 0 else 2**fitting


def out_of_memory(config: Config, dataset: Dataset, device: Device) -> UserError:
    """What to do where training found no room: which batch would fit, as tried out."""
    size, fits = config.data.batch_size, _trial(config, dataset, device)
    assert isinstance(size, int)
    if fits(size // device.number):
        return UserError(
            f"{device} is out of memory, though a step with data.batch_size={size} finds room by itself:"
            " another program may fill it (nvidia-smi); resume the run, or begin a new one with a smaller batch"
        )
    of_one = size // device.number
    fitting = largest(int(np.log2(max(of_one - 1, 1))), fits) if of_one > 1 else None
    if fitting is None:
        return UserError(f"{device.name} has no room for one photo; {LESS}")
    fitting *= device.number
    accumulate = -(-size // fitting) * config.optimizer.accumulate
    return UserError(
        f"{device} is out of memory with data.batch_size={size}; {fitting} would fit: begin a new run with"
        f" data.batch_size={fitting} optimizer.accumulate={accumulate}, which moves the weights as batches of"
        f" {accumulate * fitting} do"
    )


def _trial(config: Config, dataset: Dataset, device: Device) -> Callable[[int], bool]:
    bins = bins_for(config.head, dataset.train)
    gc.collect()  # what ran out of memory

    def fits(size: int) -> bool:
        try:
            _one_step(_sized(config, size + math.ceil(MARGIN * size)), bins, dataset, device)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return False
        finally:
            keras.utils.clear_session()
            gc.collect()  # the network refers to itself: its memory would be kept until Python looks
        return True

    return fits


def _one_step(config: Config, bins: Bins | None, dataset: Dataset, device: Device) -> None:
    """Trains a network of its own for one step."""
    data = config.data
    assert isinstance(data.batch_size, int)
    batches = Batches(dataset.train, data.height, data.width, data.batch_size, data.augmentation, config.seed)
    network = build_network(config, bins, pretrained=False)  # weights need the same room, whatever they are
    learner = Learner(network, device_augmentation(data, batches, device))
    learner.compile(build_optimizer(config.optimizer, 1, 1))
    batch = batches.for_step(0)
    if network.frozen is not None and caches_features(config):
        of_photos = [np.zeros((data.batch_size, *shape), network.frozen.dtype) for shape in network.frozen.shapes]
        batch = (*(batch if isinstance(batch, tuple) else (batch,)), *of_photos)
    learner.train_on_batch(learner.gather(batch))


def _sized(config: Config, size: int) -> Config:
    return config.model_copy(update={"data": config.data.model_copy(update={"batch_size": size})})
