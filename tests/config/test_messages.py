"""A wrong configuration is refused by name: each problem with its key, where it was written and what is nearest."""

import pytest
from messages import refused
from refusals import keys_of, nearest_of, refusal

from colorize.config.compose import composed
from colorize.config.messages import Refusal

pytestmark = pytest.mark.once

TYPOS = {
    "data.heigth=32": "data.height",
    "data.augmentation.flips=1": "data.augmentation.flip_probability",
    "encoder.filter=[8]": "encoder.filters",
    "fusion.unit=8": "fusion.units",
    "decoder.droput=0.2": "decoder.dropout",
    "loss.smooth_l1.dleta=2": "loss.smooth_l1.delta",
    "optimizer.learning_rat=0.1": "optimizer.learning_rate",
    "trainer.epohcs=3": "trainer.epochs",
    "evaluation.percpetual=true": "evaluation.perceptual",
    "tracking.url=x": "tracking.uri",
    "sed=3": "seed",
}


@pytest.mark.parametrize("prefix", ["", "+", "++"])
@pytest.mark.parametrize("typo", TYPOS)
def test_a_typo_is_refused_with_the_nearest_name(typo, prefix):
    refused_with = refusal(prefix + typo)
    assert f"command line: {prefix}{typo}" in str(refused_with)
    assert keys_of(refused_with) == [typo.partition("=")[0]]
    assert nearest_of(refused_with) == [TYPOS[typo]]


def test_the_words_for_a_typo():
    with refused("trainer.unknown_key", Refusal) as raised:
        composed(["++trainer.epohcs=3"])
    assert keys_of(raised.value) == ["trainer.epohcs"]


def test_the_nearest_of_some_choices_is_named():
    assert nearest_of(refusal("backend=tensorfow")) == ["tensorflow"]
    assert nearest_of(refusal("encoder=pyramd")) == ["encoder=pyramid"]
    assert nearest_of(refusal("fusion.merge_modes=[sum,concat]")) == ["concatenate"]


def test_all_problems_are_told_at_once():
    with refused("data.no_multiples", Refusal) as raised:
        composed(["data.height=65", "data.width=100"])
    assert keys_of(raised.value) == ["data.height", "data.width"]
