"""Reading, splitting, ordering and augmenting photos."""

import itertools
import shutil
import threading
from collections import Counter

import numpy as np
import pytest
from messages import refused
from PIL import Image

from colorize.config.compose import composed
from colorize.data.augment import augment, exposure_table, mix
from colorize.data.batches import MIXING, Batches
from colorize.data.decode import centred_box
from colorize.data.folder import SAMPLE
from colorize.data.load import read_dataset
from colorize.data.loader import Loader
from colorize.errors import listed

pytestmark = pytest.mark.once

DATA = composed([]).data


def data(**changes):
    return DATA.model_copy(update=changes)


# The photos of `photo_folder` are 24 x 40, kept as they are.
SMALL = {"height": 12, "width": 20, "cache_scale": 2.0}


def batches(photos, seed=1, batch_size=5, **augmentation):
    changed = DATA.augmentation.model_copy(update=augmentation)
    return Batches(photos, 16, 32, batch_size, changed, seed)


@pytest.fixture
def photos(photo_folder):
    return read_dataset(data(root=str(photo_folder), val=0.3, **SMALL)).train


def test_the_sample_has_its_attribution_and_is_split_by_about_a_fifth():
    listed = (SAMPLE / "ATTRIBUTION.csv").read_text().splitlines()[1:]
    files = {line.split(",")[0] for line in listed}
    assert files == {f"photos/{path.name}" for path in (SAMPLE / "photos").iterdir()}
    sample = read_dataset(data())
    assert len(sample.train) + len(sample.val) == len(files) == 292
    assert 0.15 < len(sample.val) / 292 < 0.25


def test_the_split_depends_on_content_and_on_nothing_else(photo_folder, tmp_path):
    before = read_dataset(data(root=str(photo_folder), val=0.3))
    other = tmp_path / "elsewhere" / "deeper"
    other.mkdir(parents=True)
    for i, path in enumerate(sorted(photo_folder.iterdir(), reverse=True)):
        shutil.copy(path, other / f"renamed_{i}.png")
    shutil.copy(other / "renamed_0.png", other / "the_same_twice.png")
    after = read_dataset(data(root=str(other.parent), val=0.3))
    for part in ("train", "val"):
        old, new = getattr(before, part), getattr(after, part)
        assert old.hashes == new.hashes
        assert old.digest == new.digest
    assert not set(after.train.hashes) & set(after.val.hashes)


def test_a_missing_and_an_empty_folder_get_a_sentence(tmp_path):
    with refused("data.root.missing"):
        read_dataset(data(root=str(tmp_path / "nowhere")))
    with refused("data.root.empty", folder=tmp_path):
        read_dataset(data(root=str(tmp_path)))


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
    assert both.names == ("1.png", "3.png", "5.png", "0.png")
    np.testing.assert_array_equal(both.fitted(), photos.fitted([1, 3, 5, 0]))
    assert both.hashes == tuple(photos.hashes[i] for i in (1, 3, 5, 0)) and both.digest != photos.digest


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


def test_crops_stay_inside_the_photo_and_reach_its_edges():
    ramp = np.zeros((20, 60, 3), "uint8")
    ramp[..., 0], ramp[..., 1] = np.arange(60) * 4, np.arange(20)[:, None] * 10
    settings = DATA.augmentation.model_copy(
        update={"min_crop_scale": 0.3, "flip_probability": 0.0, "max_exposure_stops": 0.0}
    )
    crops = [augment(Image.fromarray(ramp), (4, 8), settings, np.random.default_rng(k))[0] for k in range(300)]
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
    flipped, mirrored = augment(image, (8, 16), settings, np.random.default_rng(0))
    assert mirrored
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
        mixed = mix(rgb.astype("uint8"), 1.0, np.random.default_rng(k))
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


def test_a_batch_is_mixed_by_seed_and_step(photos):
    for seed, step in ((1, 0), (1, 1), (2, 0)):
        plain, mixed = (
            batches(photos, seed=seed, mixup_probability=probability).batch(step) for probability in (0.0, 1.0)
        )
        expected = mix(plain, 1.0, np.random.default_rng([seed, MIXING, step]))
        np.testing.assert_array_equal(mixed, expected)
        assert not np.array_equal(mixed, plain)


def test_as_many_batches_are_mixed_as_asked_for(noise):
    rgb = noise(6, 4, 8)
    for probability in (0.0, 0.3, 1.0):
        mixed = [not np.array_equal(mix(rgb, probability, np.random.default_rng(k)), rgb) for k in range(400)]
        assert abs(np.mean(mixed) - probability) < 0.1


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

    def batch(step):
        seen[step] += 1
        if step == 2 and seen[2] <= times:
            forever.wait() if how == "hangs" else 1 / 0
        return gather(sampler, step)

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


def test_another_batch_size_goes_on_with_the_next_sample(photos):
    before, after = batches(photos), batches(photos)
    shown = [index for step in range(3) for index in before.indices(step)]
    after.batch_size = 2
    after.go_on_at(7, sample=3 * before.batch_size)
    shown += [index for step in (7, 8, 9) for index in after.indices(step)]
    assert shown == [before._index(sample) for sample in range(3 * before.batch_size + 6)]


def test_the_centred_box_has_the_shape_and_fits():
    assert centred_box((256, 128), 64, 128) == (0, 0, 256, 128)
    assert centred_box((100, 100), 64, 128) == (0, 25, 100, 75)
    assert centred_box((300, 100), 64, 128) == (50, 0, 250, 100)
