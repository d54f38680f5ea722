"""Colorfulness: of grey, and of its variant. (Its values: `test_per_photo.py`.)"""

import numpy as np

from colorize.metrics.colorfulness import colorfulness


def test_grey_has_no_colorfulness_and_the_variant_is_never_larger(noise):
    grey = colorfulness(np.full((1, 4, 6, 3), 77, "uint8"))
    assert [float(np.asarray(value)[0]) for value in grey] == [0, 0]
    papers, with_absolute = (np.asarray(value) for value in colorfulness(noise(6, 7, 9)))
    assert (with_absolute < papers).all()
