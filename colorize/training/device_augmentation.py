"""Augmentation within the compiled step: what was drawn for a batch (`colorize.data.augment`), done by the device."""

import psutil
from keras import ops

from colorize.arrays import RgbPhotos
from colorize.backend import Device, memory_limit_bytes
from colorize.config.data import Data, place_of_augmentation
from colorize.data.batches import Batches
from colorize.distribution.devices import to_all_devices

LEFT, TOP, RIGHT, BOTTOM, MIRRORED, GAIN, SHARE, OTHER = range(8)
"""Columns of what was drawn."""


class DeviceAugmentation:
    """Makes pictures of photos as they are stored.

    A resize is a matrix product along the rows and one along the columns, since its filter is separable; a crop and a
    mirror image are part of the matrices. Rounded where Pillow rounds, so that a picture is the host's within 2 of 255.

    Args:
        shape: (H, W) of a picture.
        photos: uint8 (N, H', W', 3), on the device; None: each batch brings its own.
        rounds: whether the device rounds what it multiplies, as a GPU does.
    """

    def __init__(self, shape: tuple[int, int], photos=None, rounds: bool = False):
        self.shape, self.photos, self.rounds = shape, photos, rounds

    def with_photos(self, batch: tuple) -> tuple:
        """A batch with all photos beside the indices of its own, where it has those and nothing beside them yet."""
        stored, *others = batch
        are_indices = not isinstance(stored, (list, tuple)) and len(stored.shape) == 1
        return ((self.photos, stored) if are_indices else stored, *others)

    def __call__(self, stored, drawn) -> RgbPhotos:
        """Photos and what was drawn for them -> uint8 (B, H, W, 3).

        Args:
            stored: uint8 (B, H', W', 3); or a pair of more of them, (N, H', W', 3), and the indices in use, (B,).
            drawn: (B, 8), of `rows_of`.
        """
        height, width = self.shape
        if isinstance(stored, (list, tuple)):
            stored = ops.take(*stored, axis=0)
        of_columns = resize_matrices(drawn[:, LEFT], drawn[:, RIGHT], stored.shape[2], width)
        mirrored = ops.cast(drawn[:, MIRRORED], "bool")[:, None, None]
        of_columns = ops.where(mirrored, ops.flip(of_columns, axis=1), of_columns)
        rgb = _rounded(self._product("bwx,byxc->bywc", of_columns, ops.cast(stored, "float32")))
        of_rows = resize_matrices(drawn[:, TOP], drawn[:, BOTTOM], stored.shape[1], height)
        rgb = _rounded(self._product("bhy,bywc->bhwc", of_rows, rgb))
        rgb = _rounded(rgb * drawn[:, GAIN, None, None, None])
        others = ops.take(rgb, ops.cast(drawn[:, OTHER], "int32"), axis=0)
        share = drawn[:, SHARE, None, None, None]
        return ops.cast(_rounded(share * rgb + (1 - share) * others), "uint8")

    def _product(self, axes: str, weights, integers):
        """Of weights in 0..1 and whole numbers in 0..255, to float32's precision.

        A GPU rounds what it multiplies to 11 bits (TF32). The whole numbers fit into them, and so do 256ths.
        """
        if not self.rounds:
            return ops.einsum(axes, weights, integers)
        coarse = ops.round(weights * 256.0) / 256.0
        return ops.einsum(axes, coarse, integers) + ops.einsum(axes, weights - coarse, integers)


def resize_matrices(start, end, length: int, new_length: int):
    """What a line of `length` pixels is multiplied with, so that the part of it from start to end gets `new_length`.

    Each new pixel is a weighted mean around its place: of the weights of bilinear interpolation where the line grows,
    and of a triangle that is as much wider as the line shrinks, against aliasing. As Pillow's `Resampling.BILINEAR`.

    Args:
        start, end: (B,), in pixels, not rounded.
    Returns:
        float32 (B, new_length, length), rows of sum 1.
    """
    step = (end - start)[:, None, None] / new_length
    centre = start[:, None, None] + (ops.arange(new_length, dtype="float32")[None, :, None] + 0.5) * step
    distance = ops.abs(ops.arange(length, dtype="float32") + 0.5 - centre) / ops.maximum(step, 1.0)
    weights = ops.maximum(1.0 - distance, 0.0)
    return weights / ops.sum(weights, axis=-1, keepdims=True)


def _rounded(rgb):
    return ops.clip(ops.round(rgb), 0.0, 255.0)


def device_augmentation(data: Data, batches: Batches, device: Device) -> DeviceAugmentation | None:
    """What a step makes its pictures with, where the device augments; and tells the batches so."""
    batches.device_augments = place_of_augmentation(data.augmentation.on, device.kind) == "device"
    if not batches.device_augments:
        return None
    photos, rounds = batches.photos, device.kind == "gpu"
    size_bytes = len(photos) * photos.stored[0].nbytes
    room_bytes = min(data.device_share * memory_limit_bytes(device), psutil.virtual_memory().available)
    if device.processes.greatest(size_bytes > room_bytes):  # on their way they all are in the host's memory too
        return DeviceAugmentation(batches.shape, rounds=rounds)
    batches.device_has_photos = True
    return DeviceAugmentation(batches.shape, to_all_devices(photos.pixels(slice(None)), device), rounds)
