"""Runs and models of earlier versions are read as what they were."""

import pytest
import yaml

from colorize.config.compose import composed
from colorize.config.older import upgraded
from colorize.config.schema import from_stored
from colorize.errors import UserError

pytestmark = pytest.mark.once


def of_0_2_0(drop_grayscale=True):
    """What version 0.2.0 stored."""
    values = composed(["data=folder", "data.root=photos"]).stored()
    for name in ("grey", "min_colorfulness"):
        del values["data"][name]
    values["data"]["drop_grayscale"] = drop_grayscale
    return values


@pytest.mark.parametrize(("dropped", "grey"), [(True, "drop_exact"), (False, "keep")])
def test_a_run_of_0_2_0_left_out_what_it_left_out(dropped, grey):
    values = of_0_2_0(dropped)
    before = yaml.safe_dump(values)
    config = from_stored(values, "there")
    assert config.data.grey == grey
    assert config == composed(["data=folder", "data.root=photos", f"data.grey={grey}"])
    assert yaml.safe_dump(values) == before, "they were changed"


def test_what_this_version_stores_stays_as_it_is():
    values = composed(["data=sample", "data.grey=keep", "data.min_colorfulness=9.0"]).stored()
    assert upgraded(values) == values


def test_a_key_that_no_version_had_is_refused():
    values = of_0_2_0()
    values["data"]["drop_sepia"] = True
    with pytest.raises(UserError, match=r"there was written by another version (.|\n)*drop_sepia"):
        from_stored(values, "there")
