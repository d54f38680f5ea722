"""The controls: what they tell the cells, against NumPy, and how far they see."""

import numpy as np
from pictures import arrays, features_and
from small import small

from colorize.inspection.dependency_map import dependency_maps
from colorize.models.colorizer import build_network


def test_global_pool_tells_every_cell_the_same(config_of):
    config = small(config_of, "global_pool")
    network = build_network(config)
    features, fused = arrays(features_and(network, "fuse"), config)
    (w1, b1), (w2, b2) = [
        [w.numpy() for w in network.layer(name).layer.weights] for name in ("pool_hidden", "pool_project")
    ]
    for picture, own in zip(features, fused):
        mean = np.mean([cell for row in picture for cell in row], axis=0)
        told = np.maximum(mean @ w1 + b1, 0) @ w2 + b2
        np.testing.assert_allclose(own[..., 4:], np.broadcast_to(told, own[..., 4:].shape), atol=1e-5)


def test_the_conv_control_sees_no_further_than_its_convolutions(config_of):
    network = build_network(small(config_of, "conv", "question", "fusion.normalization=none"))
    (panel,) = dependency_maps(network)
    rows, inputs = np.mgrid[:6, :6]
    np.testing.assert_array_equal(panel.values > 0, abs(rows - inputs) <= 3)  # 1 of the encoder, 2 of the block
