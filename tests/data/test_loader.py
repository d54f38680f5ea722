"""Batches are gathered ahead, in order; one that fails or hangs is reported."""

import threading
from collections import Counter

import numpy as np
import pytest
from messages import refused
from sampling import batches

from colorize.data.batches import Batches
from colorize.data.loader import Loader
from colorize.errors import listed

pytestmark = pytest.mark.once


def test_the_loader_yields_the_batches_in_order_and_counts_waiting(photos):
    sampler = batches(photos)
    loader = Loader(sampler, steps=6, threads=3, ahead=2, first=4)
    loaded = [rgb for (rgb,) in loader]
    assert len(loaded) == 6
    for step, rgb in enumerate(loaded, start=4):
        np.testing.assert_array_equal(rgb, sampler.batch(step))
    assert loader.waited > 0


@pytest.mark.parametrize("how", ["fails", "hangs"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_batch_that_fails_or_hangs_is_gathered_once_more_and_then_reported(photos, how, times):
    sampler, gather, seen, forever = batches(photos), Batches.batch, Counter(), threading.Event()

    def batch(step, *rows):
        seen[step] += 1
        if step == 2 and seen[2] <= times:
            forever.wait() if how == "hangs" else 1 / 0
        return gather(sampler, step, *rows)

    sampler.batch = batch
    loader = Loader(sampler, steps=5, threads=1, ahead=2, patience=0.2)
    if times == 1:
        for step, (rgb,) in enumerate(loader):
            np.testing.assert_array_equal(rgb, gather(sampler, step))
        assert seen == {0: 1, 1: 1, 2: 2, 3: 1, 4: 1}
    else:
        key = {"fails": "data.batch.fails", "hangs": "data.batch.hangs"}[how]
        with refused(key, names=listed(sampler.names(2))) as told:
            list(loader)
        assert loader.error is told.value
        assert all(name in str(told.value) for name in sampler.names(2)[:8])
    forever.set()
