"""Batches of training photos: which photo, cropped how, is a pure function of (seed, step); gathered ahead of time."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np

from colorize.config.data import Augmentation
from colorize.data.augment import Draws, Mix, augment, draw, draw_mix, mix, random_numbers, rows_of
from colorize.data.dataset import Photos

ORDER, AUGMENTATION, MIXING = 0, 1, 2
"""Streams of random numbers that must not repeat one another."""


class Features(Protocol):
    """What a frozen part of the network makes of each photo, known beforehand; `FeatureCache`."""

    def of(self, indices: Sequence[int], mirrored: Sequence[bool] | np.ndarray | None = None) -> list[np.ndarray]:
        """Of the photos of some indices, and of those mirrored that say so: an array (B, *shape) for each output."""


class Batches:
    """The endless sequence of training batches.

    Sample number g (counted over the whole run) is entry g mod N of the permutation of epoch g div N; batch k holds
    the samples k * batch_size onwards. So no photo comes twice before each has come once, batches are always full,
    and a batch can be made again from its number alone. (A run that goes on with another batch size than it began with
    goes on with the next sample: see `go_on_at`.)
    """

    def __init__(self, photos: Photos, height: int, width: int, batch_size: int, augmentation: Augmentation, seed: int):
        self.photos, self.shape, self.batch_size = photos, (height, width), batch_size
        self.augmentation, self.seed = augmentation, seed
        self._start = 0, 0
        self.is_shuffled = True
        """Else each epoch has the photos in their order."""
        self.features: Features | None = None
        """Of the photos, where they are known: they come with the pixels."""
        self.device_augments = self.device_has_photos = False
        """Whether a step makes its pictures itself; and whether the indices of the photos are enough for it."""
        self.own = slice(None)
        """Rows of a batch that this process hands to a step."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches in which about every photo comes once."""
        return max(1, round(len(self.photos) / self.batch_size))

    def go_on_at(self, step: int, sample: int) -> None:
        """Lets batch `step` begin with sample number `sample`."""
        self._start = step, sample

    def _samples(self, step: int) -> range:
        first_step, first_sample = self._start
        start = first_sample + (step - first_step) * self.batch_size
        return range(start, start + self.batch_size)

    def indices(self, step: int) -> list[int]:
        """Which photos are in batch `step`."""
        return [self._index(sample) for sample in self._samples(step)]

    def names(self, step: int) -> list[str]:
        """What the photos in batch `step` are called."""
        return [self.photos.names[index] for index in self.indices(step)]

    def _index(self, sample: int) -> int:
        epoch, position = divmod(sample, len(self.photos))
        return int(_order(self.seed, epoch, len(self.photos))[position]) if self.is_shuffled else position

    def batch(self, step: int, rows: slice = slice(None)):
        """Batch number `step`: its pixels; or a tuple of them and a frozen part's features, where these are known.

        Args:
            rows: that are wanted; of the others, photos are read only where they are laid over these.
        """
        drawn, indices, mixed = self._draws(step), self.indices(step), self._mix(step)
        each, needed = list(drawn.of_photos()), set(range(self.batch_size)[rows])
        if mixed:
            needed.update(mixed.order[rows])
        rgb = np.zeros((self.batch_size, *self.shape, 3), "uint8")
        for row in needed:
            rgb[row] = augment(self.photos.image(indices[row]), self.shape, each[row])
        rgb = mix(rgb, mixed, rows)
        return rgb if self.features is None else (rgb, *self._features(indices, drawn, rows))

    def for_step(self, step: int):
        """What this process hands to training step `step`: its own rows of the batch; or what the device makes it of.

        Returns:
            as `batch`; or, where the device augments, a tuple of the photos as they are stored, uint8 (B, H', W', 3),
            or their indices, int32 (B,), where the device has them; what was drawn for each (`rows_of`); and the
            features of the frozen part, where these are known.
        """
        if not self.device_augments:
            return self.batch(step, self.own)
        drawn, indices = self._draws(step), self.indices(step)
        own = indices[self.own]
        stored = np.array(own, "int32") if self.device_has_photos else self.photos.pixels(own)
        features = [] if self.features is None else self._features(indices, drawn, self.own)
        return stored, rows_of(drawn, self._mix(step))[self.own], *features

    def _draws(self, step: int) -> Draws:
        height, width = self.photos.stored.shape[1:3]
        random = random_numbers(self.seed, AUGMENTATION, self._samples(step))
        return draw((width, height), self.shape, self.augmentation, random)

    def _mix(self, step: int) -> Mix | None:
        rng = np.random.default_rng([self.seed, MIXING, step])
        return draw_mix(self.batch_size, self.augmentation.mixup_probability, rng)

    def _features(self, indices: list[int], drawn: Draws, rows: slice) -> list[np.ndarray]:
        assert self.features is not None
        return self.features.of(indices[rows], drawn.mirrored[rows])


@lru_cache(maxsize=4)  # asked for each sample, from several threads, at most across the end of an epoch
def _order(seed: int, epoch: int, photos: int) -> np.ndarray:
    return np.random.default_rng([seed, ORDER, epoch]).permutation(photos)
