"""Colorizers whose colours vary."""

import numpy as np
import pytest

from colorize.models.colorizer import Colorizer, build_network


@pytest.fixture
def shaken(config_of):
    """Makes a colorizer of 16 x 32 whose colours vary, and its configuration."""

    def make(*overrides):
        config = config_of("fusion.units=4", "fusion.channels=2", *overrides)
        colorizer = Colorizer(build_network(config))
        rng = np.random.default_rng(0)
        weights = colorizer.network.get_weights()
        colorizer.network.set_weights([w + rng.normal(0, 0.05, w.shape) for w in weights])
        return colorizer, config

    return make
