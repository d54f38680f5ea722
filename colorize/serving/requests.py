"""What a request may hold, and what it is answered: photos in, PNG out. A request may come from anybody."""

import base64
import binascii
import io
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from colorize.data.decode import decode_in_thread
from colorize.data.formats import known_formats
from colorize.errors import NotUsable, UserError
from colorize.inference.load import check_saturation
from colorize.inference.photo_files import SRGB

COLUMN = "image"
"""Of the table that a request is."""

SATURATION = "saturation"
"""Of its parameters: strength of the colours, 0 to 2."""

MAX_PHOTOS = 64
MAX_PHOTO_BYTES = 16_000_000
MAX_REQUEST_PIXELS = 40_000_000
"""Of all photos of a request together."""

_one_request = threading.Lock()
"""MLflow has a thread for each request; painted one after the other, their photos are not in memory together."""


def colorized(pipeline, photos: Sequence, saturation: float = 1.0) -> list[bytes]:
    """Paints the photos of a request.

    Args:
        pipeline: a `ColorizationPipeline`.
        photos: each the bytes of a file, these in base64 (a data URL too), a `pathlib.Path`, or uint8 (H, W, 3) or
            (H, W). A string is never a path: a request from another machine could read files of this one.
        saturation: strength of the colours, 0 to 2.
    Returns:
        PNG of the same sizes.
    Raises:
        NotUsable: one is no photo, they are too many or too large, or the saturation is none; none is painted.
    """
    try:
        check_saturation(saturation)
    except UserError as error:
        raise NotUsable(str(error)) from None
    if not 1 <= len(photos) <= MAX_PHOTOS:
        raise NotUsable(f"expected 1 to {MAX_PHOTOS} photos in a request, received {len(photos)}")
    with _one_request:
        return _painted(pipeline, photos, saturation)


def _painted(pipeline, photos: Sequence, saturation: float) -> list[bytes]:
    images, left = [], MAX_REQUEST_PIXELS
    for number, photo in enumerate(photos, start=1):
        try:
            images.append(_image_of(photo, left))
        except (NotUsable, MemoryError) as error:
            raise NotUsable(f"photo {number} of {len(photos)}: {error or 'too large for the memory'}") from None
        left -= images[-1].width * images[-1].height
    pipeline.paint_in_place(images, saturation)
    return [_png(image) for image in images]


def _image_of(photo, largest: int) -> Image.Image:
    if isinstance(photo, str):
        photo = _decoded(photo)
    if isinstance(photo, Path):
        try:
            photo = photo.read_bytes()
        except OSError as error:
            raise NotUsable(f"{photo} cannot be read: {error.strerror or error}") from None
    if isinstance(photo, (bytes, bytearray)):
        if len(photo) > MAX_PHOTO_BYTES:
            raise NotUsable(f"{len(photo):,} bytes; expected at most {MAX_PHOTO_BYTES:,}")
        _check_pixels(_pixels_of(bytes(photo)), largest)
        return decode_in_thread(bytes(photo), MAX_REQUEST_PIXELS).image.convert("RGB")
    return _from_numbers(photo, largest)


def _pixels_of(file: bytes) -> int:
    """What its header says; 0 where that cannot be read, of which decoding will tell more."""
    try:
        with Image.open(io.BytesIO(file), formats=known_formats()) as image:
            return image.width * image.height
    except Exception:  # any exception Pillow raises where a header is wrong
        return 0


def _check_pixels(pixels: int, left: int) -> None:
    if pixels > left:
        raise NotUsable(
            f"{pixels / 1e6:.1f} megapixels; expected at most {MAX_REQUEST_PIXELS / 1e6:.0f} of all photos of a request"
            " together"
        )


def _decoded(text: str) -> bytes:
    if text.startswith("data:"):
        _, _, text = text.partition(",")
    if len(text) > 2 * MAX_PHOTO_BYTES:
        raise NotUsable(f"{len(text):,} characters of base64; expected a file of at most {MAX_PHOTO_BYTES:,} bytes")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise NotUsable("a string that is no base64; expected the bytes of a photo in base64") from None


def _from_numbers(photo, largest: int) -> Image.Image:
    expected = "the bytes of a photo, these in base64, or its pixels (0..255, rows x columns x 3 or rows x columns)"
    if not isinstance(photo, (np.ndarray, list, tuple)):
        raise NotUsable(f"{type(photo).__name__}; expected {expected}")
    try:
        pixels = np.asarray(photo)
    except ValueError:
        raise NotUsable(f"a list of lists of different lengths; expected {expected}") from None
    whole = pixels.dtype.kind in "iu" and pixels.size and pixels.min() >= 0 and pixels.max() <= 255
    if not whole or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)):
        raise NotUsable(f"{pixels.dtype} of shape {pixels.shape}; expected {expected}")
    _check_pixels(pixels.shape[0] * pixels.shape[1], largest)
    return Image.fromarray(pixels.astype("uint8")).convert("RGB")


def _png(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG", icc_profile=SRGB, compress_level=1)
    return content.getvalue()
