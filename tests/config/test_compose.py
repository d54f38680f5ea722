"""Options and values are composed as they were meant; what cannot be read is refused."""

import shlex
from pathlib import Path

import pytest
from messages import refused
from refusals import keys_of, nearest_of, refusal

from colorize.config import compose
from colorize.config.base import groups
from colorize.config.compose import composed
from colorize.config.messages import Refusal
from colorize.runs.layout import resume_command

pytestmark = pytest.mark.once

OPTIONS = [(group, option) for group, options in groups().items() for option in options]


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_of_every_group_composes(group, option):
    head = ["head=bins"] if option.startswith("cross_entropy") else []
    assert composed([*head, f"{group}={option}"]).backend == "tensorflow"


@pytest.mark.parametrize("group", groups())
def test_an_unknown_option_lists_those_there_are(group):
    (problem,) = refusal(f"{group}=nonsense").problems
    assert problem.key == group
    assert all(option in problem.expected for option in groups()[group])


@pytest.mark.parametrize("option", ["null", "[row_gru,none]"])
@pytest.mark.parametrize("group", ["fusion", "experiment"])
def test_no_option_and_several_options_are_refused(group, option):
    (problem,) = refusal(f"{group}={option}").problems
    assert problem.key == group and f"one of the options of {group}" in problem.expected


@pytest.mark.parametrize(
    ("key", "override", "group"),
    [
        ("encoder.unknown_option", "encoder=pyramd", "encoder"),
        ("fusion.several_options", "fusion=[row_gru,none]", "fusion"),
        ("experiment.no_option", "experiment=null", "experiment"),
    ],
)
def test_the_words_for_an_option_that_is_none(key, override, group):
    with refused(key, Refusal) as raised:
        composed([override])
    assert keys_of(raised.value) == [group]


@pytest.mark.parametrize(
    ("key", "override"),
    [
        ("config.no_value", "trainer.epochs"),
        ("config.no_key", "=3"),
        ("config.space_in_a_key", "a b=c"),
    ],
)
def test_what_is_no_override_is_refused(key, override):
    with refused(key) as raised:
        composed([override])
    assert repr(override) in str(raised.value)


@pytest.mark.parametrize(
    "typo", ["hydra.run.dri=x", "+hydra.run.dri=x", "++hydra.run.dri=x", "++hydra.jobs.chdir=true"]
)
def test_a_typo_in_hydras_own_keys_is_refused_too(typo):
    wrong, nearest = {
        "hydra.run.dri": ("hydra.run.dri", "hydra.run.dir"),
        "hydra.jobs.chdir": ("hydra.jobs", "hydra.job"),
    }[typo.lstrip("+").partition("=")[0]]
    refused_with = refusal(typo)
    assert keys_of(refused_with) == [wrong] and nearest_of(refused_with) == [nearest]
    assert composed(["++hydra.job.env_set.NAME=1", "hydra.run.dir=x"]), "and what Hydra has is not"


def test_the_words_for_a_typo_in_hydras_own_keys():
    with refused("hydra.unknown_key", Refusal) as raised:
        composed(["++hydra.run.dri=x"])
    assert keys_of(raised.value) == ["hydra.run.dri"]


def test_several_values_need_a_sweep():
    with refused("config.several_values"):
        composed(["seed=1,2"])


def test_the_command_line_wins_over_an_experiment():
    assert composed(["experiment=question", "trainer.epochs=7"]).trainer.epochs == 7


@pytest.mark.parametrize("data", ["sample", "folder", "cifar10"])
def test_gpu_brings_mixed_precision_and_changes_no_data(data):
    config = composed([f"data={data}", "trainer=gpu"])
    assert config.data == composed([f"data={data}"]).data
    assert config.trainer.precision == "mixed_bfloat16"


ODD = ["a", "m\u00fcller", "a (1)", "seed=1", "a,b", "it's", '"q"', "b\\c d", "end\\", "x\\'y", "$x"]


@pytest.mark.parametrize("name", ODD)
def test_a_command_that_is_printed_is_read_as_it_was_meant(name):
    python, program, override = shlex.split(resume_command(Path("/tmp", name)))
    (parsed,) = compose.parse([override])
    assert (python, program, parsed.key_or_group, parsed.value()) == ("python", "train.py", "resume", f"/tmp/{name}")


@pytest.mark.parametrize("value", ["'${home}'", "'${data.nosuch}'", "'${data.root}'"])
def test_a_reference_to_what_is_not_there_is_refused_by_key(value):
    assert keys_of(refusal("data=folder", f"data.root={value}")) == ["data.root"]
