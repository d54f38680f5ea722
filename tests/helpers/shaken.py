"""Networks whose colours vary."""

import numpy as np

from colorize.models.colorizer import build_network


def shaken(config, bins=None):
    network = build_network(config, bins)
    rng = np.random.default_rng(0)
    weights = network.model.get_weights()
    network.model.set_weights([w + rng.normal(0, 0.05, w.shape) for w in weights])
    return network
