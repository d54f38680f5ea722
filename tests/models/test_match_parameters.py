"""A fusion that is sized to the parameters of another, and configurations that cannot be."""

import pytest
from small import FUSIONS

from colorize.errors import UserError
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
    ("overrides", "told"),
    [
        (["fusion=conv", "fusion.match_parameters_of=row_gri"], "nearest   row_gru"),
        (["fusion=conv", "fusion.match_parameters_of=none"], "that has parameters"),
        (["fusion=pixel_gru", "fusion.match_parameters_of=global_pool", "fusion.channels=4000"], "at best"),
        (["fusion=conv", "fusion.stride=3"], r"leaves a map \(2, 4, 8\)"),
        (["fusion=attention", "fusion.width=6"], "a multiple of 4"),
        (["fusion=attention", "encoder=question", "data.height=72", "data.width=64"], "at most 4,096 positions"),
        (["encoder=residual", "encoder.normalization=group", "encoder.width=12"], "a multiple of encoder.groups=8"),
        (["head=bins", "head.stride=3"], "a multiple of 3, head.stride"),
        (["head=bins", "head.bins=standard", "head.grid=5"], "head.bins=train"),
        (["decoder=koalarization", "encoder.filters=[4,4]"], "an encoder of stride 8"),
        (["backbone=mobilenet", "backbone.size=96"], "224"),
        (["backbone=inception_resnet_v2", "backbone.weights=none", "backbone.size=64"], "at least 75"),
        (["backbone=vgg19", "backbone.weights=nowhere.h5"], "which is no file"),
    ],
)
def test_what_cannot_be_is_refused_in_words(overrides, told, config_of):
    with pytest.raises(UserError, match=told):
        with_matched_fusion(config_of(*overrides))
