"""The device makes the pictures that the host makes."""

import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image
from sampling import batches

from colorize.backend import Device
from colorize.config.base import SAMPLE
from colorize.config.compose import composed
from colorize.data.augment import Mix, rows_of
from colorize.distribution.devices import feed
from colorize.models.colorizer import build_network
from colorize.training.device_augmentation import DeviceAugmentation, device_augmentation, resize_matrices
from colorize.training.learner import Learner
from colorize.training.optimizer import build_optimizer

EVERYTHING = {"min_crop_scale": 0.3, "flip_probability": 0.5, "max_exposure_stops": 1.0, "mixup_probability": 0.5}


@pytest.fixture(scope="module")
def real():
    """Twelve photos of the sample, uint8 (12, 90, 150, 3)."""
    files = sorted((SAMPLE / "photos").glob("*.jpg"))[::20][:12]
    return np.stack([np.asarray(Image.open(file).convert("RGB").resize((150, 90))) for file in files])


@pytest.mark.parametrize("rounds", [False, True])
@pytest.mark.parametrize("shape", [(16, 32), (64, 96), (128, 160)])
def test_pictures_are_those_of_the_host_within_2_of_255(shape, rounds, real, photos_of):
    """Of crops that shrink, and that grow."""
    sampler = batches(photos_of(real), batch_size=12, **EVERYTHING)
    sampler.shape, sampler.device_augments = shape, True
    augmentation = DeviceAugmentation(shape, rounds=rounds)
    differences = []
    for step in range(6):
        made = ops.convert_to_numpy(augmentation(*sampler.for_step(step)))
        differences.append(np.abs(made.astype(int) - sampler.batch(step)))
    assert made.dtype == np.uint8 and made.shape == (12, *shape, 3)
    assert np.max(differences) <= 2 and np.mean(differences) < 0.3


def test_photos_of_the_device_are_those_that_the_host_would_send(real, photos_of):
    photos = photos_of(real)
    photos = photos.subset(np.array([7, 2, 9, 3, 1]))
    data = composed(["data.augmentation.on=device", "data.device_share=0.9"]).data
    sent, kept = (batches(photos, batch_size=3, **EVERYTHING) for _ in range(2))
    none = data.model_copy(update={"device_share": 0.0})
    sending, keeping = (device_augmentation(*given, Device("", "cpu", "")) for given in ((none, sent), (data, kept)))
    for step in range(3):
        indices, drawn = kept.for_step(step)
        assert indices.shape == (3,) and indices.dtype == np.int32
        (on_device, chosen), also_drawn = keeping.with_photos((indices, drawn))
        np.testing.assert_array_equal(on_device, real[[7, 2, 9, 3, 1]])
        stored, sent_drawn = sending.with_photos(sent.for_step(step))
        np.testing.assert_array_equal(real[[7, 2, 9, 3, 1]][chosen], stored)
        np.testing.assert_array_equal(also_drawn, sent_drawn)
        made = [
            ops.convert_to_numpy(one(photos, drawn))
            for one, photos in ((keeping, (on_device, chosen)), (sending, stored))
        ]
        np.testing.assert_array_equal(*made)


@pytest.mark.parametrize(
    ("on", "kind", "expected"), [("auto", "cpu", False), ("auto", "gpu", True), ("host", "gpu", False)]
)
def test_a_gpu_augments_and_a_cpu_does_not_unless_asked_to(on, kind, expected, noise, photos_of, monkeypatch):
    monkeypatch.setattr("colorize.training.device_augmentation.memory_limit_bytes", lambda device: 1000)
    sampler = batches(photos_of(noise(6, 20, 30)))
    made = device_augmentation(composed([f"data.augmentation.on={on}"]).data, sampler, Device("", kind, ""))
    assert (made is not None) == sampler.device_augments == expected
    assert not sampler.device_has_photos  # 10,800 bytes


def test_a_line_is_resized_as_by_hand():
    # From 1 to 4 of five pixels into two: centres 1.75 and 3.25, a triangle of half width 1.5 around each.
    by_hand = np.array([[0.25, 1.25, 0.75, 0.0, 0.0], [0.0, 0.0, 0.75, 1.25, 0.25]])
    made = ops.convert_to_numpy(resize_matrices(ops.array([1.0]), ops.array([4.0]), 5, 2))[0]
    np.testing.assert_allclose(made, by_hand / by_hand.sum(axis=1, keepdims=True), atol=1e-6)


def test_numbers_for_the_device_say_what_was_drawn(noise, photos_of):
    sampler = batches(photos_of(noise(6, 20, 30)), **EVERYTHING)
    drawn = sampler._draws(3)
    rows = rows_of(drawn, Mix(0.25, np.array([4, 3, 2, 1, 0])))
    assert rows.shape == (5, 8) and rows.dtype == np.float32
    np.testing.assert_allclose(rows[:, :5], np.transpose(drawn[:5]), rtol=1e-6)
    np.testing.assert_allclose(np.log2(rows[:, 5]) * 2.4, drawn.stops, atol=1e-5)
    assert set(rows[:, 6]) == {0.25} and rows[:, 7].tolist() == [4, 3, 2, 1, 0]
    assert rows_of(drawn, None)[:, 6:].tolist() == [[1, at] for at in range(5)]


def test_a_step_learns_from_the_pictures_that_it_makes(real, photos_of, config_of):
    """By `fit`, with the photos on the device, as on the same pictures made beforehand."""
    config = config_of("encoder.filters=[4]", "decoder.dropout=0", "data.augmentation.on=device")
    sampler, losses = batches(photos_of(real), **EVERYTHING), []
    augmentation = device_augmentation(config.data, sampler, Device("", "cpu", ""))
    made = [ops.convert_to_numpy(augmentation(*augmentation.with_photos(sampler.for_step(k)))) for k in range(3)]
    for of_step, own in (((sampler.for_step(k) for k in range(3)), augmentation), (made, None)):
        keras.utils.set_random_seed(3)
        learner = Learner(build_network(config), own)
        learner.compile(build_optimizer(config.optimizer, 1, 3))
        given = list(of_step)
        fed = feed(Device(keras.backend.backend(), "cpu", ""), [(batch,) for batch in given], given[0], learner.gather)
        losses.append(learner.fit(fed, steps_per_epoch=3, shuffle=False, verbose=0).history["loss"][0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
