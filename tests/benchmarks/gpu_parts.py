"""Parts of a training step, each compiled alone, on what JAX finds: `python tests/benchmarks/gpu_parts.py`, by hand."""

import os
import statistics
import time

os.environ["KERAS_BACKEND"] = "jax"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers  # noqa: E402

from colorize.models.color_bins import soft_targets  # noqa: E402

PHOTOS, REPETITIONS = 32, 7


def timed(name: str, function, *arguments) -> None:
    """Prints how long it takes, and how long its compilation took."""
    compiled, start = jax.jit(function), time.perf_counter()
    jax.block_until_ready(compiled(*arguments))
    compilation, seconds = time.perf_counter() - start, []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        seconds.append(time.perf_counter() - start)
    print(f"{name:50} {1000 * statistics.median(seconds):8.2f} ms, compiled in {compilation:.1f} s", flush=True)


def forward_and_backward(layer: layers.Layer, x) -> None:
    """Times a layer and its gradient."""
    layer.build(x.shape)
    weights, statistics_ = (
        [v.value for v in some] for some in (layer.trainable_variables, layer.non_trainable_variables)
    )

    def loss(weights, x):
        return jnp.sum(layer.stateless_call(weights, statistics_, x)[0] ** 2)

    timed(f"{layer.name} {x.shape}", jax.grad(loss, argnums=(0, 1)), weights, x)


def main() -> None:
    """The parts of EfficientNet-Lite0 at 128 x 128 with row GRUs and a head of bins."""
    rng = np.random.default_rng(0)
    print(jax.devices()[0].device_kind)
    cells = jnp.asarray(rng.normal(size=(PHOTOS, 8, 8, 672)), "float32")
    fine = jnp.asarray(rng.normal(size=(PHOTOS, 64, 64, 96)), "float32")
    forward_and_backward(layers.DepthwiseConv2D(5, padding="same", name="depthwise_5x5"), cells)
    forward_and_backward(layers.DepthwiseConv2D(3, padding="same", name="depthwise_3x3"), fine)
    forward_and_backward(layers.Conv2D(128, 3, padding="same", name="convolution_3x3"), fine)
    gru = layers.Bidirectional(layers.GRU(96, return_sequences=True), name="gru")
    forward_and_backward(gru, cells.reshape(PHOTOS, 8, 8 * 672))
    a, b = np.meshgrid(np.arange(-80.0, 80.0, 10.0), np.arange(-80.0, 80.0, 10.0))
    centres, ab = (
        np.stack([a, b], axis=-1).reshape(-1, 2),
        jnp.asarray(rng.normal(size=(PHOTOS, 32, 32, 2)) * 20, "float32"),
    )
    timed("soft targets", lambda ab: soft_targets(ab, centres, 5, 5.0), ab)


if __name__ == "__main__":
    main()
