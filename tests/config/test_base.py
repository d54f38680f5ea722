"""The groups of options in `configs/`."""

import pytest

from colorize.config.base import CONFIGS, groups

pytestmark = pytest.mark.once


def test_the_groups_are_those_that_readme_and_help_name():
    named = ["data", "encoder", "backbone", "fusion", "decoder", "head", "loss", "optimizer", "trainer"]
    named += ["evaluation", "tracking", "experiment", "debug"]
    assert sorted(groups()) == sorted(named)


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda p: str(p.relative_to(CONFIGS)))
def test_a_file_begins_with_what_it_is(path):
    comments = [line for line in path.read_text().splitlines()[:2] if line != "# @package _global_"]
    assert comments[0].startswith("# ")
