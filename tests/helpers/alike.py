"""Runs that learn the same on other devices."""

import json

import numpy as np
import pytest
from trained import rows


def assert_alike(folder, other):
    """What was learned differs by rounding alone."""
    for ours, theirs in zip(rows(folder), rows(other), strict=True):
        assert ours.keys() == theirs.keys()
        np.testing.assert_allclose([float(x) for x in ours.values()], [float(x) for x in theirs.values()], rtol=1e-5)
    ours, theirs = (json.loads((each / "result.json").read_text())["metrics"] for each in (folder, other))
    counted = {name for name in ours if name.startswith(("colorfulness", "delta_colorfulness", "auc", "exact"))}
    for name, value in ours.items():  # those of rounded pixels, or that count them, jump where one of them does
        assert value == pytest.approx(theirs[name], rel=1e-3 if name in counted else 1e-5), name
