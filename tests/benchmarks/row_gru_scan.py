"""How much faster a bidirectional GRU in one scan is on JAX than Keras's own, which lowers to two: by hand.

    python tests/benchmarks/row_gru_scan.py [cpu | gpu]

The same weights and inputs in turns; forward and backward; medians of seven. `scan` has both directions in one loop,
the products of the inputs before it; `unrolled` the same, unrolled (16 timesteps at most, else by eights). Last the
minGRU of `fusion=min_gru`, which has no loop.
"""

import statistics
import sys
import time

from colorize import backend

DEVICE = sys.argv[1] if len(sys.argv) > 1 else "cpu"
backend.start("jax", DEVICE)

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

from colorize.models.fusion import bidirectional_gru  # noqa: E402
from colorize.models.fusion.min_gru import BidirectionalMinGru  # noqa: E402

bidirectional_gru.is_faster = lambda: True

UNITS, TURNS = 64, 7
SIZES = [(8, 8, 16, 64), (16, 8, 16, 64), (64, 8, 8, 64), (256, 4, 4, 64)]
"""(rows, photos, positions of a row, channels)."""


def compiled(layer, given):
    """Loss and gradients of a layer's output, compiled; its arguments; what it gave; the seconds of compilation."""
    layer.build(given.shape)
    values = [variable.value for variable in layer.trainable_variables]
    others = [variable.value for variable in layer.non_trainable_variables]

    def loss(values, given):
        (forward, backward), _ = layer.stateless_call(values, others, given)
        return jnp.sum(forward**2) + jnp.sum(
            backward**2 * jnp.arange(backward.shape[1]).reshape(-1, *[1] * (backward.ndim - 2))
        )

    step = jax.jit(jax.value_and_grad(loss, (0, 1)))
    start = time.perf_counter()
    gave = jax.block_until_ready(step(values, given))
    return step, (values, given), gave, time.perf_counter() - start


def layers_of():
    """Name -> layer; the first is Keras's. Each is to be compiled before the next is asked for."""
    ours = bidirectional_gru.BidirectionalGru
    made = {"Keras": (keras.layers.Bidirectional, (0, 1)), "scan": (ours, (0, 1)), "unrolled": (ours, (16, 8))}
    for name, (kind, unroll) in made.items():
        keras.utils.set_random_seed(0)
        bidirectional_gru.FULLY_UNROLLED, bidirectional_gru.UNROLLED_BY = unroll
        yield name, kind(keras.layers.GRU(UNITS, return_sequences=True), merge_mode=None)
    yield "minGRU", BidirectionalMinGru(UNITS // 8, "rows")


def measure(rows: int, photos: int, positions: int, channels: int) -> None:
    """Prints a line for each layer."""
    features = np.random.default_rng(0).normal(size=(photos, rows, positions, channels)).astype("float32")
    flat = jnp.asarray(features.reshape(photos, rows, -1))
    made = {name: compiled(layer, jnp.asarray(features) if name == "minGRU" else flat) for name, layer in layers_of()}
    seconds = {name: [] for name in made}
    for _ in range(TURNS):
        for name, (step, given, *_) in made.items():
            start = time.perf_counter()
            for _ in range(10):
                jax.block_until_ready(step(*given))
            seconds[name].append((time.perf_counter() - start) / 10)
    expected = jax.tree.leaves(made["Keras"][2])
    for name, (_, _, gave, compiling) in made.items():
        pairs = zip(expected, jax.tree.leaves(gave)) if name != "minGRU" else ()
        error = max((float(jnp.abs(a - b).max() / jnp.abs(a).max()) for a, b in pairs), default=float("nan"))
        print(
            f"T={rows:<4} {name:<9} {1000 * statistics.median(seconds[name]):7.2f} ms, compiled in {compiling:.1f} s,"
            f" off by {error:.0e} of the largest",
            flush=True,
        )


if __name__ == "__main__":
    print(f"{jax.devices()[0].device_kind}, jax {jax.__version__}, {UNITS} units, (rows, photos, positions, channels)")
    for size in SIZES:
        measure(*size)
