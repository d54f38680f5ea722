"""Augmentation: crops, flips, exposure, mixtures."""

import itertools

import numpy as np
import pytest
from PIL import Image
from sampling import DATA

from colorize.data.augment import augment, draw, draw_mix, exposure_table, mix, random_numbers

pytestmark = pytest.mark.once


def test_random_numbers_depend_on_seed_stream_and_sample_alone():
    all_of_them = random_numbers(7, 1, range(1000))
    assert all_of_them.shape == (1000, 5) and len(np.unique(all_of_them)) == 5000
    for start, length in ((0, 1), (1, 3), (500, 64), (999, 1)):
        some = random_numbers(7, 1, range(start, start + length))
        np.testing.assert_array_equal(some, all_of_them[start : start + length])
    for other in (random_numbers(8, 1, range(1000)), random_numbers(7, 2, range(1000))):
        assert np.abs(np.corrcoef(all_of_them.T, other.T)[:5, 5:]).max() < 0.15
    assert all_of_them.min() >= 0 and all_of_them.max() < 1
    assert np.abs(all_of_them.mean(axis=0) - 0.5).max() < 0.04 and np.abs(all_of_them.std(axis=0) - 0.2887).max() < 0.02
    assert np.abs(np.corrcoef(all_of_them[:-1].T, all_of_them[1:].T) - np.eye(10)).max() < 0.15, "of neighbours too"


def test_crops_stay_inside_the_photo_and_reach_its_edges():
    ramp = np.zeros((20, 60, 3), "uint8")
    ramp[..., 0], ramp[..., 1] = np.arange(60) * 4, np.arange(20)[:, None] * 10
    settings = DATA.augmentation.model_copy(
        update={"min_crop_scale": 0.3, "flip_probability": 0.0, "max_exposure_stops": 0.0}
    )
    drawn = draw((60, 20), (4, 8), settings, random_numbers(1, 2, range(300)))
    crops = [augment(Image.fromarray(ramp), (4, 8), one) for one in drawn.of_photos()]
    seen = np.stack([np.asarray(crop) for crop in crops])
    assert seen[..., 0].min() < 12 and seen[..., 0].max() > 224
    assert (np.diff(seen[..., 0].astype(int), axis=2) > 0).all(), "columns must stay in order"
    spans = np.ptp(seen[..., 0].astype(int), axis=(1, 2))
    assert spans.max() > 2 * spans.min(), "scales must differ"


def test_a_flip_mirrors_left_and_right_only(noise):
    image = Image.fromarray(noise(8, 16))
    settings = DATA.augmentation.model_copy(
        update={"min_crop_scale": 1.0, "flip_probability": 1.0, "max_exposure_stops": 0.0}
    )
    (drawn,) = draw(image.size, (8, 16), settings, np.full((1, 5), 0.5)).of_photos()
    assert drawn.mirrored
    flipped = augment(image, (8, 16), drawn)
    np.testing.assert_array_equal(flipped, np.asarray(image)[:, ::-1])


def test_exposure_scales_light_and_keeps_black_and_order():
    assert exposure_table(0.0).tolist() == list(range(256))
    brighter, darker = exposure_table(1.0).tolist(), exposure_table(-1.0).tolist()
    assert brighter[0] == darker[0] == 0 and max(brighter) == 255
    assert sorted(brighter) == brighter and darker[128] < 128 < brighter[128]
    # One stop doubles the light: sRGB 128 is linear .2158, and .4317 is sRGB 175 (IEC 61966-2-1, by hand).
    assert abs(brighter[128] - 175) <= 5


def test_a_mixture_lays_each_photo_over_another_in_one_ratio(noise):
    rgb = noise(4, 3, 5).astype(float)
    shares = []
    for k in range(20):
        mixed = mix(rgb.astype("uint8"), draw_mix(4, 1.0, np.random.default_rng(k)))
        fits = [fit_of_mixture(rgb, rgb[list(others)], mixed) for others in itertools.permutations(range(4))]
        error, share = min(fits)
        assert error < 1, "nothing but rounding may be left"
        shares.append(share)
    assert -0.01 < min(shares) < 0.2 and 0.8 < max(shares) < 1.01


def fit_of_mixture(rgb, others, mixed):
    """Largest error of the one ratio that explains `mixed` best, and that ratio."""
    difference = rgb - others
    squared = np.sum(difference**2)
    share = np.sum(difference * (mixed - others)) / squared if squared else 1.0
    return np.abs(share * rgb + (1 - share) * others - mixed).max(), share


def test_as_many_batches_are_mixed_as_asked_for(noise):
    rgb = noise(6, 4, 8)
    for probability in (0.0, 0.3, 1.0):
        drawn = [draw_mix(6, probability, np.random.default_rng(k)) for k in range(400)]
        mixed = [not np.array_equal(mix(rgb, one), rgb) for one in drawn]
        assert abs(np.mean(mixed) - probability) < 0.1
