"""What is suggested for a key that does not exist."""

import pytest

from colorize.config.compose import composed
from colorize.config.messages import Refusal
from colorize.config.nearest import ALIASES

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("trainer.epohcs", "trainer.epochs"),
        ("epochs", "trainer.epochs"),
        ("lr", "optimizer.learning_rate"),
        ("optimizer.lr", "optimizer.learning_rate"),
        ("learning_rate", "optimizer.learning_rate"),
        ("trainer.learning_rte", "optimizer.learning_rate"),
        ("batch_size", "data.batch_size"),
        ("BatchSize", "data.batch_size"),
        ("root", "data=folder data.root=PATH"),
        ("gpu", "trainer=gpu"),
        ("dropout", "decoder.dropout"),
        ("patience", "trainer.patience"),
        ("early_stopping", "trainer.patience"),
        ("data.augmentation.flip_probabilty", "data.augmentation.flip_probability"),
        ("flip_probability", "data.augmentation.flip_probability"),
        ("delta", "loss.smooth_l1.delta"),
    ],
)
def test_a_key_is_looked_for_in_all_sections_and_in_what_others_call_it(key, meant):
    with pytest.raises(Refusal) as raised:
        composed([f"{key}=1"])
    assert raised.value.problems[0].nearest == meant


@pytest.mark.parametrize("alias", ["wandb"])
def test_what_there_is_not_is_said(alias):
    with pytest.raises(Refusal) as raised:
        composed([f"{alias}=1"])
    assert "(" in raised.value.problems[0].nearest


@pytest.mark.parametrize("meant", sorted({text.partition(" (")[0] for text in ALIASES.values()}))
def test_every_alias_stands_for_something_that_there_is(meant):
    if "=" in meant:
        places = ("resume=FOLDER", "resume=auto", "init=FOLDER")
        assert composed(["trainer=gpu", *(text for text in meant.split() if text not in places)])
    else:
        with pytest.raises(Refusal) as raised:  # a key that exists is refused for its value alone
            composed(["data=folder", f"{meant}=[[]]"])
        assert [problem.key for problem in raised.value.problems] == [meant]
