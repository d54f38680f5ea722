"""Colours of cells that become colours of pixels."""

import numpy as np

from colorize.inference.upsampling import Bilinear, Guided


def test_guided_colours_end_where_the_lightness_does():
    """Two fields meet at 0.4 of a cell: bilinear smears their colours over a cell, guided ones end at the edge."""
    edge = 64 + 25  # in a photo of 128 x 256 over 8 x 16 cells; not between two of them
    lightness = np.where(np.arange(256) < edge, 30.0, 80.0).astype("float32")
    truth = np.where(np.arange(256)[:, None] < edge, [40.0, -20.0], [-10.0, 30.0])
    cells = lightness.reshape(16, 16).mean(1), truth.reshape(16, 16, 2).mean(1)
    guide, ab = np.tile(cells[0], (8, 1)), np.tile(cells[1], (8, 1, 1)).astype("float32")
    photo = np.tile(lightness, (128, 1))
    error = {
        kind: np.abs(colours.band(0, 128, photo) - truth).mean(axis=(0, 2))[edge - 16 : edge + 16].mean()
        for kind, colours in (("bilinear", Bilinear(ab, (256, 128))), ("guided", Guided(ab, guide, (256, 128))))
    }
    assert error["guided"] < error["bilinear"] / 4


def test_guided_colours_of_a_flat_photo_are_those_of_its_cells(noise):
    ab = np.random.default_rng(0).normal(0, 20, (4, 6, 2)).astype("float32")
    flat = np.full((4, 6), 50.0, "float32")
    smooth = Guided(ab, flat, (60, 40)).band(0, 40, np.full((40, 60), 50.0, "float32"))
    assert ab.min() <= smooth.min() and smooth.max() <= ab.max()
    np.testing.assert_allclose(smooth.mean((0, 1)), ab.mean((0, 1)), atol=3)
