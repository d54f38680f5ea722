"""Weights of the networks of LPIPS and FID: random ones in the formats of the real files, and the real files.

Tests that need these run where COLORIZE_LPIPS_WEIGHTS and COLORIZE_INCEPTION_WEIGHTS name them.
"""

import os
import pickle

import numpy as np
import pytest

from colorize.metrics.perceptual.weight_files import WEIGHT_FILES

CHANNELS = [(11, 3, 64), (5, 64, 192), (3, 192, 384), (3, 384, 256), (3, 256, 256)]  # kernel, in, out


def alexnet(bias: float = 0.1) -> dict:
    """Random weights of LPIPS as the file nests them."""
    rng = np.random.default_rng(2)
    draw = lambda *shape, scale: (rng.standard_normal(shape, "float32") * scale).astype("float32")  # noqa: E731
    trunk, heads = {}, {}
    for i, (side, c_in, c_out) in enumerate(CHANNELS):
        kernel = draw(side, side, c_in, c_out, scale=(2 / (side * side * c_in)) ** 0.5)
        trunk[f"Conv_{i}"] = {"kernel": kernel, "bias": draw(c_out, scale=0.1) + np.float32(bias)}
        heads[f"NetLinLayer_{i}"] = {"Conv_0": {"kernel": np.abs(draw(1, 1, c_out, 1, scale=1.0))}}
    return {"AlexNet_0": trunk, **heads}


def write_lpips(path, tree) -> str:
    """Writes weights of LPIPS as the authors' file nests them."""
    path.write_bytes(pickle.dumps(tree, 3))
    return str(path)


def real_weights(kind: str) -> str:
    """The path of the real file; skips a test where there is none."""
    variable = f"COLORIZE_{kind.upper()}_WEIGHTS"
    if variable not in os.environ:
        pytest.skip(f"{variable} does not name the weights: {WEIGHT_FILES[kind].source}")
    return os.environ[variable]
