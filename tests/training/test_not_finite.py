"""The first layer whose output is not finite."""

import numpy as np
import pytest
from efficientnets import LITE
from troubles import WHITE, spoil

from colorize.models.colorizer import build_network
from colorize.models.losses import SmoothL1Loss
from colorize.training.feature_cache import FeatureCache
from colorize.training.not_finite import first_not_finite

SMALL = ["encoder.filters=[4]", "fusion=row_gru", "fusion.units=4", "fusion.channels=1"]


@pytest.mark.parametrize("layer", ["encoder_down1", "gru1", "decoder_up1"])
def test_a_layer_is_named_whose_weights_or_output_are_too_large(layer, config_of, noise):
    network = build_network(config_of(*SMALL))
    assert first_not_finite(network, noise(2, 16, 32)).startswith("The output of every layer and the loss are finite")
    (found,) = [one for one in network.model.layers if one.name == layer]
    found.trainable_variables[0].assign(np.full(found.trainable_variables[0].shape, np.nan))
    told = first_not_finite(network, noise(2, 16, 32))
    assert f" is {layer} (" in told and f"{found.trainable_variables[0].path} are not finite" in told
    if layer != "gru1":  # whose gates keep everything within -1..1
        found.trainable_variables[0].assign(np.full(found.trainable_variables[0].shape, 3e38))
        assert f" is {layer} (" in first_not_finite(network, noise(2, 16, 32))


@pytest.mark.parametrize(("how", "told"), [("loss", "loss.smooth_l1 is not"), ("gradient", "the gradient is not")])
def test_where_every_layer_is_finite_it_is_the_loss_or_the_gradient(how, told, config_of, monkeypatch):
    monkeypatch.setattr(SmoothL1Loss, "__call__", SmoothL1Loss.__call__)  # put back at the end
    spoil(how)
    network = build_network(config_of(*SMALL))
    assert told in first_not_finite(network, np.full((2, 16, 32, 3), WHITE, "uint8"))


def test_where_a_frozen_part_is_known_what_follows_it_is_looked_at(config_of, noise, photos_of, tmp_path):
    network = build_network(config_of(*LITE))
    shown = photos_of(noise(2, 64, 96))
    batch = (shown.fitted(), *FeatureCache(network.frozen, shown, str(tmp_path), mirrored=False).of(slice(None)))
    (found,) = [one for one in network.model.layers if one.name == "decoder_up1"]
    found.trainable_variables[0].assign(np.full(found.trainable_variables[0].shape, np.inf))
    assert " is decoder_up1 (" in first_not_finite(network, batch)
