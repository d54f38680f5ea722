"""Random pictures for networks, and what their layers give."""

import keras
import numpy as np
from keras import ops


def lightness(config, batch=2):
    shape = batch, config.data.height, config.data.width, 1
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


def features_and(network, *names):
    """A model from the picture to what the fusion is given and to some steps."""
    before = [step.output for step in network.layers if step.stage == "encoder"][-1]
    return keras.Model(network.model.input, [before, *[network.layer(name).output for name in names]])


def arrays(model, config, batch=2):
    picture = np.random.default_rng(0).uniform(-1, 1, (batch, config.data.height, config.data.width, 1))
    return [ops.convert_to_numpy(x).astype("float64") for x in model(picture.astype("float32"))]
