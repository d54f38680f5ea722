"""The GRUs along both axes, against a second implementation in NumPy, and wrong ones that are found."""

import numpy as np
from by_hand import gru_by_hand
from keras import ops
from pictures import arrays, features_and
from small import small

from colorize.inspection.dependency_map import check_wiring
from colorize.models.colorizer import build_network
from colorize.models.fusion.pixel_gru import LineGru


def test_the_pixel_gru_equals_its_hand_computation(config_of):
    config = small(config_of, "pixel_gru")
    network = build_network(config)
    features, fused = arrays(features_and(network, "fuse"), config)
    step = network.layer

    def both(number, line):
        forward = gru_by_hand(step(f"gru{number}_forward").layer, line)
        return np.hstack([forward, gru_by_hand(step(f"gru{number}_backward").layer, line[::-1])[::-1]])

    along_rows = np.array([[both(1, row) for row in picture] for picture in features])
    along_columns = np.array([[both(2, column) for column in p.transpose(1, 0, 2)] for p in along_rows])
    kernel, bias = [weight.numpy() for weight in step("project_units").layer.weights]
    np.testing.assert_array_equal(fused[..., :4], features)
    np.testing.assert_allclose(fused[..., 4:], along_columns.transpose(0, 2, 1, 3) @ kernel + bias, atol=1e-5)


def test_a_pixel_gru_whose_backward_half_stays_turned_is_found(config_of, monkeypatch):
    right = LineGru.call

    def wrong(self, features):
        forward, backward = right(self, features)
        return [forward, ops.flip(backward, {"rows": 1, "columns": 2}[self.along])]

    monkeypatch.setattr(LineGru, "call", wrong)
    assert len(check_wiring(build_network(small(config_of, "pixel_gru")))) >= 2, "one along each axis"
