"""The graph that is exported: bins and mirror images are part of it."""

import numpy as np
import pytest
from shaken import shaken

from colorize.export.graph import painting_graph
from colorize.inference.pipeline import ColorizationPipeline
from colorize.models.color_bins import Bins
from colorize.models.colorizer import Colorizer

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what writes the formats


def test_mirror_images_and_bins_are_part_of_the_graph(config_of, noise):
    config = config_of("head=bins", "evaluation.flip_tta=true")
    bins = Bins(np.float32([[20, -30], [-10, 40], [0, 0]]), np.float32([0.3, 0.3, 0.4]))
    colorizer = Colorizer(shaken(config, bins))
    rgb = noise(2, 16, 32)
    answers = painting_graph(colorizer, mirror=True).predict_on_batch(rgb)
    pipeline = ColorizationPipeline(colorizer, config)
    for photo, answer in zip(rgb, answers):
        assert np.abs(np.asarray(pipeline.paint(photo)).astype(int) - answer).max() <= 1
