"""Answers of frozen networks that are kept: those of the pictures, where they are kept, and when."""

from dataclasses import replace

import numpy as np
import pytest
from backbones import KEPT, with_backbone
from efficientnets import LITE
from keras import ops
from messages import assert_wording, refused
from skimage import color as reference

from colorize.color import rgb_to_lightness
from colorize.data import cache
from colorize.models.colorizer import build_network
from colorize.training.feature_cache import FeatureCache, caches_features
from colorize.training.learner import Learner


def test_kept_embeddings_are_those_of_the_pictures_mirrored_or_not(tiny, config_of, noise, photos_of, tmp_path):
    config = with_backbone(config_of, "mobilenet", *KEPT)
    network = build_network(config)
    photos = photos_of(noise(5, 16, 32))
    kept = FeatureCache(network.frozen, photos, str(tmp_path), mirrored=True)
    mirrored = np.array([False, True, True, False])
    (own,) = kept.of([3, 0, 4, 4], mirrored)
    rgb = photos.fitted([3, 0, 4, 4])
    rgb[mirrored] = rgb[mirrored][:, :, ::-1]
    lightness = reference.rgb2lab(rgb)[..., :1].astype("float32")
    np.testing.assert_allclose(own, ops.convert_to_numpy(network.backbone(lightness)), atol=1e-2)

    def never(lightness):
        raise AssertionError("these are known already")

    again = FeatureCache(replace(network.frozen, features=never), photos, str(tmp_path), mirrored=True)
    np.testing.assert_array_equal(again.values, kept.values)


def test_embeddings_that_cannot_be_kept_in_the_cache_are_kept_elsewhere(
    tiny, config_of, noise, photos_of, tmp_path, capsys, monkeypatch
):
    config = with_backbone(config_of, "mobilenet", *KEPT)
    frozen, photos = build_network(config).frozen, photos_of(noise(5, 16, 32))
    kept = FeatureCache(frozen, photos, str(tmp_path / "cache"), mirrored=True)
    (tmp_path / "file").write_text("in the way")
    elsewhere = FeatureCache(frozen, photos, str(tmp_path / "file"), mirrored=True)
    np.testing.assert_array_equal(elsewhere.values, kept.values)
    assert_wording("features.elsewhere", capsys.readouterr().err)
    usage = cache.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda folder: usage._replace(free=100))
    with refused("features.no_space"):
        FeatureCache(frozen, photos, str(tmp_path / "full"), True, "; or keep none: backbone.cache=false")
    assert not list((tmp_path / "full" / "features").iterdir())


def test_a_step_with_kept_embeddings_is_the_step_without(tiny, config_of, noise, photos_of, tmp_path):
    config = with_backbone(config_of, "mobilenet", "decoder.dropout=0")
    network = build_network(config)
    photos = photos_of(noise(4, 16, 32))
    kept = FeatureCache(network.frozen, photos, str(tmp_path), mirrored=True)
    learner, rgb = Learner(network), photos.fitted()
    learner.compile("sgd")
    plain = learner.test_on_batch(rgb, return_dict=True)
    known = learner.test_on_batch((rgb, *kept.of(slice(None))), return_dict=True)
    assert known == pytest.approx(plain, rel=1e-5)


def test_mirror_images_are_read_only_where_they_are_asked_for(tiny, config_of, noise, photos_of, tmp_path):
    config = with_backbone(config_of, "mobilenet", *KEPT)
    kept = FeatureCache(build_network(config).frozen, photos_of(noise(3, 16, 32)), str(tmp_path), mirrored=False)
    assert kept.values.shape == (3, 1, 1000) and kept.of([2, 0])[0].shape == (2, 1000)


@pytest.mark.parametrize(
    ("changed", "keeps"),
    [([], True), (["data.augmentation.min_crop_scale=0.9"], False),
     (["data.augmentation.max_exposure_stops=0.1"], False),
     (["data.augmentation.mixup_probability=0.1"], False), (["backbone.cache=false"], False)],
)  # fmt: skip
def test_embeddings_are_kept_where_nothing_changes_the_picture(changed, keeps, config_of):
    config = with_backbone(config_of, "mobilenet", *KEPT, *changed)
    assert caches_features(config) is keeps


@pytest.mark.parametrize("trainable", [pytest.param("none", marks=pytest.mark.once), "3"])
def test_a_step_on_kept_maps_is_the_step_without(trainable, config_of, noise, photos_of, tmp_path):
    network = build_network(config_of(*LITE, f"encoder.trainable={trainable}"))
    network.model.get_layer("head_ab_scaled").kernel.assign(np.full((1, 1, 4, 2), 0.1, "float32"))
    shown = photos_of(noise(4, 64, 96))
    kept = FeatureCache(network.frozen, shown, str(tmp_path), mirrored=True)
    assert kept.values.dtype == np.float16 and kept.values.shape[:2] == (4, 2)
    learner = Learner(network)
    rgb, mirrored = shown.fitted(), np.array([True, False, True, True])
    rgb[mirrored] = rgb[mirrored][:, :, ::-1]

    def answered(*known):
        return ops.convert_to_numpy(learner((rgb_to_lightness(rgb), *known)))

    plain, with_kept = answered(), answered(*kept.of(slice(None), mirrored))
    with_others = answered(*kept.of(slice(None), ~mirrored))
    differences = [np.abs(other - plain).max() for other in (with_kept, with_others)]
    assert differences[0] < 0.02 * differences[1], "of the mirror image, the maps are others"


@pytest.mark.once
def test_maps_are_kept_by_the_weights_that_made_them(config_of, noise, photos_of, tmp_path):
    network, shown = build_network(config_of(*LITE)), photos_of(noise(2, 64, 96))
    first = FeatureCache(network.frozen, shown, str(tmp_path), mirrored=False).values.copy()
    network.model.get_layer("encoder_stem").conv.kernel.assign(np.ones((3, 3, 3, 32), "float32"))
    second = FeatureCache(network.frozen, shown, str(tmp_path), mirrored=False).values
    assert (first != second).any() and len(list((tmp_path / "features").iterdir())) == 2


@pytest.mark.once
@pytest.mark.parametrize(("changed", "keeps"), [([], True), (["encoder.trainable=2"], True),
    (["encoder.trainable=all"], False), (["encoder.cache=false"], False),
    (["data.augmentation.min_crop_scale=0.9"], False)])  # fmt: skip
def test_maps_are_kept_where_nothing_changes_the_picture(changed, keeps, config_of):
    assert caches_features(config_of(*LITE, *changed)) is keeps
