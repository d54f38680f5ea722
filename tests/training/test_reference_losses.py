"""That a change of the code changes no number: losses of 20 steps and one evaluation against stored ones."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import BACKEND

REFERENCE = Path(__file__).parent.parent / "reference"
sys.path.append(str(REFERENCE))
from losses import RUNS, STORED, metrics_of, run  # noqa: E402

STORED_NUMBERS = json.loads(STORED.read_text())[BACKEND]
TOLERANCE = 1e-3
"""Relative. With the same compiler flags on one machine, numbers are the same to the last digit: run the script and
compare. With others, or on another processor, twenty steps make 5e-5 of the seventh digit of the first."""


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.slow
def test_losses_are_those_of_before(name):
    losses, network, photos = run(name, BACKEND)
    np.testing.assert_allclose(losses, STORED_NUMBERS[name], rtol=TOLERANCE)
    if name == "row_gru":
        measured = metrics_of(network, photos)
        assert measured == pytest.approx(STORED_NUMBERS["evaluation"], rel=TOLERANCE, abs=1e-4)
