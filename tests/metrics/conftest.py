"""Photos, a prediction of their colours, and what scikit-image paints of it."""

import numpy as np
import pytest
from skimage import color as reference


@pytest.fixture
def rgb(noise):
    return noise(5, 14, 23)


@pytest.fixture
def predicted(rgb):
    """ab of another colour than the truth's, (5, 14, 23, 2)."""
    return (reference.rgb2lab(rgb)[..., 1:] * 0.5 + np.array([3.0, -5.0])).astype("float32")


@pytest.fixture
def painted(rgb, predicted):
    """By scikit-image, uint8."""
    lab = np.concatenate([reference.rgb2lab(rgb)[..., :1], predicted], axis=-1)
    return np.round(reference.lab2rgb(lab) * 255).astype("uint8")
