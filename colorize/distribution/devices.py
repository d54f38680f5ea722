"""What each of several devices has, of one host or of several: the whole network and its part of every batch. On JAX.

Keras is told of all of them only while weights, and what an optimizer or a metric keeps, are created. From then on JAX
computes a step where its arguments are, and what follows (evaluation, pictures) needs to know nothing of it.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

from colorize.backend import Device


def on_all_devices(device: Device) -> AbstractContextManager:
    """Within it, what Keras creates (weights, statistics, what an optimizer or a metric keeps) is on each device.

    Where a step then gets a batch of which each device has a part, JAX computes on all of them what one would: a mean
    over the batch, the statistics of a batch normalisation among them, is that of all parts.
    """
    return _distribution(device).scope() if device.number > 1 else nullcontext()


def to_all_devices(array, device: Device):
    """An array that every device has as a whole."""
    import keras

    if device.number == 1:
        return keras.ops.convert_to_tensor(array)
    return _placed(array, device)


def feed(device: Device, batches: Iterable[tuple], example, gather: Callable[[Any], Any]) -> Iterable[tuple]:
    """What `keras.Model.fit` should be given to train on some batches, once from first to last.

    On TensorFlow, Keras turns an iterator into a tf.data pipeline that tunes itself in a thread; when training ends,
    that thread is waited for, which takes half a minute (TensorFlow 2.21). There is nothing to tune: the batches are
    gathered ahead already. So the pipeline is made here, and does not tune itself.

    Args:
        batches: yields `(batch,)`, an array or a tuple of arrays.
        example: such a batch, for its shapes and types.
        gather: adds to a batch what devices have already; on TensorFlow, the step does that.
    """
    if device.backend != "tensorflow":  # JAX would make the photos a constant of the compiled step
        return ((_parted(gather(batch), device),) for (batch,) in batches)
    import tensorflow as tf

    signature = (tf.nest.map_structure(lambda array: tf.TensorSpec(array.shape, array.dtype), example),)
    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=signature).with_options(options)


def _parted(batch, device: Device):
    """A batch of which each device has a part of each array; what is on devices already stays as it is.

    Args:
        batch: of several processes, the rows of this one.
    """
    if device.number == 1:
        return batch
    import jax

    return jax.tree.map(lambda x: x if isinstance(x, jax.Array) else _placed(x, device, "batch"), batch)


def _placed(array, device: Device, *axes: str):
    """An array of this process whose axes are divided among the devices; without any, the same on each."""
    import jax

    mesh = _distribution(device).device_mesh.backend_mesh
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*axes))
    return jax.make_array_from_process_local_data(sharding, array)


@lru_cache(maxsize=1)
def _distribution(device: Device):
    import jax
    import keras

    found = [d for d in jax.devices() if d.platform == ("cpu" if device.kind == "cpu" else "gpu")]
    of_each = device.number // device.processes.number
    by_process = [[d for d in found if d.process_index == process] for process in range(device.processes.number)]
    names = [f"{d.platform}:{d.id}" for own in by_process for d in own[:of_each]]
    return keras.distribution.DataParallel(devices=names, auto_shard_dataset=False)
