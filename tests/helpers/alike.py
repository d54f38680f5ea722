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
    assert ours == pytest.approx(theirs, rel=1e-3)  # colorfulness of .6 by a ratio of two small numbers
