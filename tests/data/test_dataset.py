"""Photos as evaluation sees them: at its size, in order, in parts and together."""

import numpy as np
import pytest

pytestmark = pytest.mark.once


def test_photos_are_seen_at_the_size_of_evaluation_whatever_they_are_stored_at(photos, photos_of, noise):
    assert photos.stored.shape[1:3] == (24, 40) and photos.fitted().shape == (len(photos), 12, 20, 3)
    stored = noise(5, 12, 20)
    same = photos_of(stored)
    np.testing.assert_array_equal(same.fitted(), stored)
    np.testing.assert_array_equal(same.fitted([3, 1]), stored[[3, 1]])
    flat = photos_of(np.full((2, 24, 40, 3), 77, "uint8"), size=(12, 20))
    assert (flat.fitted() == 77).all()


def test_batches_of_evaluation_hold_every_photo_once_and_in_order(photos_of, noise):
    photos = photos_of(noise(7, 6, 10))
    parts = list(photos.batches(3))
    assert [len(rgb) for _, rgb in parts] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate([rgb for _, rgb in parts]), photos.fitted())
    assert [(part.start, part.stop) for part, _ in parts] == [(0, 3), (3, 6), (6, 7)]


def test_subsets_and_unions_keep_names_and_pixels_together(photos_of, noise):
    photos = photos_of(noise(6, 4, 6))
    odd = photos.subset(np.arange(6) % 2 == 1)
    both = odd.together_with(photos.subset([0]))
    assert tuple(both.names) == ("1.png", "3.png", "5.png", "0.png")
    np.testing.assert_array_equal(both.fitted(), photos.fitted([1, 3, 5, 0]))
    assert tuple(both.hashes) == tuple(photos.hashes[i] for i in (1, 3, 5, 0)) and both.digest != photos.digest
