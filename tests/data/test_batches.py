"""Batches of training: a function of seed and step alone."""

import dataclasses
from unittest import mock

import numpy as np
import pytest
from sampling import batches

from colorize.data.augment import draw_mix, mix
from colorize.data.batches import MIXING
from colorize.distribution.processes import Processes

pytestmark = pytest.mark.once


def test_a_batch_is_a_pure_function_of_seed_and_step(photos):
    in_order = [batches(photos).batch(k) for k in range(4)]
    again = batches(photos)
    for step in (3, 0, 2, 1):
        np.testing.assert_array_equal(again.batch(step), in_order[step])
    assert not np.array_equal(batches(photos, seed=2).batch(0), in_order[0])
    assert in_order[0].shape == (5, 16, 32, 3) and in_order[0].dtype == np.uint8


def test_no_photo_comes_twice_before_each_has_come_once(photos):
    sampler = batches(photos)
    order = [index for step in range(3 * len(photos)) for index in sampler.indices(step)]
    epochs = [tuple(order[i : i + len(photos)]) for i in range(0, len(order), len(photos))]
    assert all(sorted(epoch) == list(range(len(photos))) for epoch in epochs)
    assert len(set(epochs)) > 1, "the order must change from epoch to epoch"


def test_the_same_photo_is_augmented_differently_each_time(photos):
    sampler = batches(photos, batch_size=len(photos))
    first, second = (sampler.batch(k)[sampler.indices(k).index(0)] for k in (0, 1))
    assert not np.array_equal(first, second)


def test_without_augmentation_a_sample_is_what_evaluation_sees(photos):
    plain = batches(photos, min_crop_scale=1.0, flip_probability=0.0, max_exposure_stops=0.0, mixup_probability=0.0)
    plain.shape = photos.size
    np.testing.assert_array_equal(plain.batch(0), photos.fitted(plain.indices(0)))


def test_a_batch_is_mixed_by_seed_and_step(photos):
    for seed, step in ((1, 0), (1, 1), (2, 0)):
        plain, mixed = (
            batches(photos, seed=seed, mixup_probability=probability).batch(step) for probability in (0.0, 1.0)
        )
        expected = mix(plain, draw_mix(5, 1.0, np.random.default_rng([seed, MIXING, step])))
        np.testing.assert_array_equal(mixed, expected)
        assert not np.array_equal(mixed, plain)


def test_another_batch_size_goes_on_with_the_next_sample(photos):
    before, after = batches(photos), batches(photos)
    shown = [index for step in range(3) for index in before.indices(step)]
    after.batch_size = 2
    after.go_on_at(7, sample=3 * before.batch_size)
    shown += [index for step in (7, 8, 9) for index in after.indices(step)]
    assert shown == [before._index(sample) for sample in range(3 * before.batch_size + 6)]


@pytest.mark.parametrize("on_device", [False, True])
def test_rows_of_several_processes_are_the_batch(photos, on_device):
    """Each makes its own, and reads others only where they are laid over these."""
    sampler = batches(photos, batch_size=6, mixup_probability=1.0)
    sampler.device_augments = on_device
    whole, parts = sampler.for_step(3), []
    read = mock.Mock(side_effect=photos.image)
    for number in range(3):
        sampler.own = Processes("", 3, number).own(6)
        sampler.photos = dataclasses.replace(photos)
        object.__setattr__(sampler.photos, "image", read)
        parts.append(sampler.for_step(3))
    if on_device:
        for together, each in zip(whole, zip(*parts)):
            np.testing.assert_array_equal(np.concatenate(each), together)
    else:
        np.testing.assert_array_equal(np.concatenate(parts), whole)
        assert 6 <= read.call_count <= 12, "own ones, and one more for each at most"
