"""Values that are wrong, alone or together, and configurations that were stored."""

import pytest
import yaml
from messages import refused
from refusals import encoders, keys_of

from colorize.config.compose import composed
from colorize.config.messages import Refusal
from colorize.config.schema import dump, from_stored, load

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("key", "override", "wrong"),
    [
        ("trainer.epochs.text", "trainer.epochs=many", "trainer.epochs"),
        ("trainer.epochs.fraction", "trainer.epochs=1.5", "trainer.epochs"),
        ("trainer.epochs.boolean", "trainer.epochs=true", "trainer.epochs"),
        ("trainer.epochs.zero", "trainer.epochs=0", "trainer.epochs"),
        ("trainer.epochs.null", "trainer.epochs=null", "trainer.epochs"),
        ("optimizer.learning_rate.negative", "optimizer.learning_rate=-1", "optimizer.learning_rate"),
        ("optimizer.learning_rate.nan", "optimizer.learning_rate=nan", "optimizer.learning_rate"),
        ("decoder.dropout.all", "decoder.dropout=1.0", "decoder.dropout"),
        ("encoder.filters.none", "encoder.filters=[]", "encoder.filters"),
        ("encoder.filters.negative", "encoder.filters=[8,-1]", "encoder.filters.1"),
        ("trainer.precision.unknown", "trainer.precision=float16", "trainer.precision"),
        ("data.root.number", "data.root=3", "data.root"),
        ("seed.negative", "seed=-1", "seed"),
        ("seed.too_large", "seed=4294967296", "seed"),
        ("backend.unknown", "backend=tensorfow", "backend"),
        ("fusion.merge_modes.unknown", "fusion.merge_modes=[sum,concat]", "fusion.merge_modes.1"),
        ("trainer.epochs.missing", "~trainer.epochs", "trainer.epochs"),
        ("encoder.name.unknown", "encoder.name=resnet", "encoder.name"),
        ("encoder.name.list", "encoder.name=[a]", "encoder.name"),
    ],
)
def test_a_wrong_value_says_what_was_expected_and_received(key, override, wrong):
    with refused(key, Refusal, encoders=encoders()) as raised:
        composed([override])
    assert keys_of(raised.value) == [wrong]


@pytest.mark.parametrize(
    ("key", "overrides", "wrong", "numbers"),
    [
        ("data.height.no_multiple", ["data.height=65"], "data.height", ["65", "8"]),
        ("data.width.no_multiple", ["data.width=100"], "data.width", ["100", "8"]),
        (
            "fusion.mapping.too_few",
            ["fusion.mapping=reshape", "fusion.units=10"],
            "fusion.mapping",
            ["128", "20"],
        ),
        ("fusion.combine.other_channels", ["fusion.combine=add"], "fusion.combine", ["64", "8"]),
        (
            "fusion.mapping.too_few_in_an_experiment",
            ["experiment=question", "fusion.mapping=reshape", "fusion.units=15"],
            "fusion.mapping",
            ["32", "30"],
        ),
    ],
)
def test_impossible_combinations_name_both_numbers(key, overrides, wrong, numbers):
    with refused(key, Refusal) as raised:
        composed(overrides)
    assert keys_of(raised.value) == [wrong]
    assert all(number in str(raised.value) for number in numbers)


def test_a_fusion_that_never_reaches_the_head_is_refused_however_it_is_joined():
    finer = ["fusion.stride=2", "decoder.output_stride=4", "head=bins"]
    for more in ([], ["fusion.combine=add", "fusion.channels=16"]):
        with refused("fusion.stride.never_reaches_the_head", Refusal) as raised:
            composed([*finer, *more])
        assert keys_of(raised.value) == ["fusion.stride"]
    assert composed([*finer, "fusion=none"]).fusion.stride == 2


def test_labels_that_cannot_be_are_refused():
    for label in ("terms", "__base__", "Two Words", "copy"):
        values = composed([]).stored() | {"loss": {label: {"name": "l1", "weight": 1.0, "chroma_weight": 0.0}}}
        with refused("loss.label", label=label):
            from_stored(values, "there")


def test_what_an_earlier_version_stored_is_refused(tmp_path):
    values = yaml.safe_load(dump(composed(["decoder.dropout=0.2"])))
    del values["loss"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    with refused("config.of_another_version"):
        load(tmp_path / "config.yaml")


def test_a_stored_configuration_reads_back_the_same(tmp_path):
    config = composed(["experiment=question"])
    (tmp_path / "config.yaml").write_text(dump(config))
    assert load(tmp_path / "config.yaml") == config
    assert yaml.safe_load(dump(config))["data"]["height"] == 32
