"""A fusion that is sized to the parameters of another, and configurations that cannot be."""

import pytest
from messages import refused
from small import FUSIONS

from colorize.config.messages import Refusal
from colorize.models.colorizer import build_network
from colorize.models.match_parameters import matched_fusion, with_matched_fusion


@pytest.mark.once
@pytest.mark.parametrize("of", [["data=cifar10", "encoder.filters=[24,48]"], ["data.height=64", "data.width=80"]])
@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("fusion", [name for name in FUSIONS if name != "none"])
@pytest.mark.slow
def test_a_fusion_is_sized_to_the_parameters_of_another(fusion, stride, of, config_of):
    here = [*of, f"fusion.stride={stride}"]
    config = config_of(*here, f"fusion={fusion}", "fusion.match_parameters_of=row_gru")
    match = matched_fusion(config)
    own = build_network(with_matched_fusion(config)).parameters("fusion")
    wanted = build_network(config_of(*here)).parameters("fusion")
    assert abs(own / wanted - 1) <= 0.02
    assert f"{own:,}" in str(match) and f"{wanted:,}" in str(match)


@pytest.mark.once
@pytest.mark.parametrize("own", [["fusion=row_gru_small"], ["fusion=row_gru", "fusion.units=8"], ["fusion=row_gru"]])
def test_an_option_is_sized_to_another_of_the_same_kind(own, config_of):
    """64 units of a row reshape into its columns; of the neighbouring sizes a projection makes more parameters."""
    size = ["data.height=64", "data.width=128"]
    config, like = with_matched_fusion(config_of(*size, *own, "fusion.match_parameters_of=row_gru")), config_of(*size)
    assert config.fusion.units == like.fusion.units == 64


def test_none_has_nothing_to_size_and_takes_the_keys_of_a_sweep(config_of):
    config = config_of("fusion=none", "fusion.match_parameters_of=row_gru", "fusion.stride=2")
    assert matched_fusion(config) is None


@pytest.mark.once
@pytest.mark.parametrize(
    ("overrides", "names", "key"),
    [
        (["fusion=conv", "fusion.match_parameters_of=row_gri"], "fusion.match_parameters_of", "fusion.matched.unknown"),
        (
            ["fusion=conv", "fusion.match_parameters_of=none"],
            "fusion.match_parameters_of",
            "fusion.matched.no_parameters",
        ),
        (
            ["fusion=pixel_gru", "fusion.match_parameters_of=global_pool", "fusion.channels=4000"],
            "fusion.match_parameters_of",
            "fusion.matched.too_far",
        ),
        (["fusion=conv", "fusion.stride=3"], "fusion.stride", "fusion.stride.no_map"),
        (["fusion=attention", "fusion.width=6"], "fusion.width", "fusion.width.multiple"),
        (
            ["fusion=attention", "encoder=question", "data.height=72", "data.width=64"],
            "fusion.stride",
            "fusion.stride.positions",
        ),
        (
            ["encoder=residual", "encoder.normalization=group", "encoder.width=12"],
            "encoder.width",
            "encoder.width.groups",
        ),
        (["head=bins", "head.stride=3"], "data.height data.width", "head.stride.size"),
        (["head=bins", "head.bins=standard", "head.grid=5"], "head.grid", "head.grid.standard"),
        (["decoder=koalarization", "encoder.filters=[4,4]"], "encoder", "encoder.stride"),
        (["backbone=mobilenet", "backbone.size=96"], "backbone.size", "backbone.size.imagenet"),
        (
            ["backbone=inception_resnet_v2", "backbone.weights=none", "backbone.size=64"],
            "backbone.size",
            "backbone.size.least",
        ),
        (["backbone=vgg19", "backbone.weights=nowhere.h5"], "backbone.weights", "backbone.weights.no_file"),
    ],
)
def test_what_cannot_be_is_refused_in_words(overrides, names, key, config_of):
    with refused(key, error=Refusal) as raised:
        with_matched_fusion(config_of(*overrides))
    assert [problem.key for problem in raised.value.problems] == names.split()
