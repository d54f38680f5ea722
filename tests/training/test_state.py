"""The state of a training: it goes on exactly."""

import numpy as np
import pytest
from efficientnets import LITE

from colorize.models.colorizer import build_network
from colorize.training.feature_cache import FeatureCache
from colorize.training.learner import Learner
from colorize.training.optimizer import build_optimizer
from colorize.training.state import _flat, arrays_of, set_arrays


@pytest.mark.parametrize("trainable", ["2", pytest.param("all", marks=pytest.mark.once)])
@pytest.mark.slow
def test_training_goes_on_exactly(trainable, config_of, noise, photos_of, tmp_path):
    """As a graph, on kept maps where there are some; the state holds the frozen weights and all statistics too, and
    gradients that wait for those of the next batches."""
    network = build_network(config_of(*LITE, f"encoder.trainable={trainable}", "decoder.dropout=0.3"))
    shown, learner = photos_of(noise(2, 64, 96)), Learner(network)
    accumulate = 3 if network.frozen else 1
    optimizer = config_of(*LITE, f"optimizer.accumulate={accumulate}").optimizer
    learner.compile(build_optimizer(optimizer, 2, 10, network.encoder_variables, 0.1))
    batch = shown.fitted()
    if network.frozen:
        batch = (batch, *FeatureCache(network.frozen, shown, str(tmp_path), mirrored=False).of(slice(None)))
    learner.train_on_batch(batch)
    arrays = arrays_of(learner)
    ends = []
    for _ in range(2):
        set_arrays(learner, arrays)
        for _ in range(2):
            loss = learner.train_on_batch(batch, return_dict=True)["loss"]
        ends.append([np.float32(loss), *(np.array(variable) for variable in network.model.weights)])
    for straight, again in zip(*ends):
        np.testing.assert_array_equal(straight, again)


@pytest.mark.once
def test_weights_are_set_in_one_order_whatever_that_of_the_file(config_of, monkeypatch):
    """Of several processes, each sets them with the others; safetensors returns them in another order each time."""
    learner = Learner(build_network(config_of("encoder.filters=[4]", "fusion=none")))
    learner.compile(build_optimizer(config_of().optimizer, 1, 3))
    arrays, trees = arrays_of(learner), []
    monkeypatch.setattr(learner, "set_state_tree", trees.append)
    set_arrays(learner, arrays)
    set_arrays(learner, dict(reversed(arrays.items())))
    first, second = (list(dict(_flat(tree))) for tree in trees)
    assert first == second and len(first) > 20
