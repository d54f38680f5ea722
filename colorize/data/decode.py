"""Reading a photo safely: a file of any format of `formats` becomes upright 8-bit sRGB, or says why not."""

import io
import re
import struct
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import simplejpeg
from PIL import Image, UnidentifiedImageError

from colorize.data.formats import how_to_read, known_formats
from colorize.data.sixteen_bit import TIFF_STARTS, Decoding, Samples, read_samples
from colorize.data.srgb import Picture, picture_of_image, picture_of_samples, seek_photo
from colorize.errors import NotUsable, PlugInMissing

JPEG_START = b"\xff\xd8\xff"
NOT_PLAIN = (b"Exif\0", b"ICC_PROFILE\0", b"Adobe", b"MPF\0", b"tiff:Orientation")
"""What marks orientation, colours, CMYK, several frames, and orientation once more, in XMP."""

ODD_JPEG = re.compile(rb"\xff(?:[\xc3\xc7\xc9-\xcb\xcd-\xcf]|[\xc0-\xc2]..\x0c)", re.DOTALL)
"""Start of a frame that is lossless, arithmetic, or of 12 bits (ITU-T T.81, tables B.1 and B.2)."""

LARGE_PIXELS = 16_000_000
"""Of such photos one is decoded at a time, so that all processes together stay below 1 GiB."""

MAX_PIXELS = 40_000_000
"""Where memory is to be bounded: of what cannot be decoded at a smaller size, a WebP needs 22 bytes a pixel."""

OVERSAMPLED = 2
"""A large JPEG is decoded no smaller than this many times the size it is wanted at; antialiasing does the rest."""


@contextmanager
def without_warnings() -> Iterator[None]:
    """Within the context Pillow says nothing of odd metadata; to be entered by one thread, for all that it starts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def decode(data: bytes, wanted: tuple[int, int] | None = None, lock: AbstractContextManager | None = None) -> Picture:
    """Decodes the bytes of a file.

    Args:
        wanted: (rows, columns) that it will be resized to; a JPEG far larger is decoded at 1/2, 1/4 or 1/8.
        lock: held while a large photo is decoded, so that several processes together need no more memory than one.
    Raises:
        NotUsable: empty, of no known format, damaged, of pixels without a defined range, or a decompression bomb
            (more than `PIL.Image.MAX_IMAGE_PIXELS`, read from the header alone).
    """
    with without_warnings():
        return decode_in_thread(data, wanted=wanted, lock=lock)


def decode_in_thread(
    data: bytes,
    largest: int | None = None,
    keeps_all: bool = False,
    wanted: tuple[int, int] | None = None,
    lock: AbstractContextManager | None = None,
) -> Picture:
    """`decode` for one thread of several, within `without_warnings`.

    Args:
        largest: pixels; None: `PIL.Image.MAX_IMAGE_PIXELS`. Pillow itself refuses more than twice that.
        keeps_all: whether what is transparent is left so, and not laid on white, and 16 bits are kept beside the 8.
    """
    if not data:
        raise NotUsable("empty file")
    largest = largest or Image.MAX_IMAGE_PIXELS or sys.maxsize
    plain = _plain_jpeg(data, wanted, largest)
    if plain is not None:
        return plain

    def decoding(size: tuple[int, int], is_reduced: bool = False) -> AbstractContextManager:
        """The context in which so many pixels may be decoded; raises where they may not."""
        pixels = size[0] * size[1]
        if pixels > largest:
            raise Image.DecompressionBombError
        if wanted and pixels > MAX_PIXELS and not is_reduced:
            limit = f"{MAX_PIXELS / 1e6:.0f} megapixels"
            raise NotUsable(f"too large to decode in bounded memory: more than {limit}, and no JPEG")
        return lock if lock and pixels > LARGE_PIXELS else nullcontext()

    try:
        samples = read_samples(data, decoding)
        if samples is not None:
            return picture_of_samples(samples, data, keeps_all)
        try:
            return _by_pillow(data, decoding, keeps_all, wanted)
        except (OSError, ValueError) as error:
            samples = _instead(data, decoding, isinstance(error, UnidentifiedImageError))
            if samples is None:
                raise
            return picture_of_samples(samples, data, keeps_all)
    except UnidentifiedImageError:
        if data.startswith(JPEG_START) and ODD_JPEG.search(data):
            raise NotUsable("a JPEG of a kind that is not read: of 12 bits, lossless, or arithmetic") from None
        missing = how_to_read(data)
        raise (PlugInMissing(missing) if missing else NotUsable("not a photo of a known format")) from None
    except Image.DecompressionBombError:
        raise NotUsable(f"too large to open safely: its header says more than {largest / 1e6:.0f} megapixels") from None
    except (
        OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, OverflowError, AttributeError,
        RuntimeError, struct.error,
    ) as error:  # fmt: skip
        # Pillow lets many kinds through where a header lies.
        raise NotUsable.damaged(error) from None


def _instead(data: bytes, decoding: Decoding, is_unknown: bool) -> Samples | None:
    """The samples of a TIFF at which Pillow has failed; None where Pillow says better why."""
    if not data.startswith(TIFF_STARTS):
        return None
    try:
        return read_samples(data, decoding, instead=True)
    except NotUsable:
        if is_unknown:
            raise
        return None


def _by_pillow(data: bytes, decoding: Callable, keeps_all: bool, wanted: tuple[int, int] | None) -> Picture:
    with Image.open(io.BytesIO(data), formats=known_formats()) as image:
        frames = seek_photo(image)
        size = image.size
        if wanted:
            image.draft(None, _draft_size(size, wanted))
        with decoding(size, is_reduced=image.size != size):
            return picture_of_image(image, data, size, frames, keeps_all)


def _plain_jpeg(data: bytes, wanted: tuple[int, int] | None, largest: int = LARGE_PIXELS) -> Picture | None:
    """Decodes a JPEG with nothing to convert, nearly three times as fast as Pillow and to the same pixels; else None.

    Most photos are such; whatever is odd about a file is left to Pillow.
    """
    if not data.startswith(JPEG_START) or any(mark in data for mark in NOT_PLAIN):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours != "YCbCr" or height * width > min(LARGE_PIXELS, largest):
            return None
        columns, rows = _draft_size((width, height), wanted) if wanted else (0, 0)
        pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=rows, min_width=columns)
    except ValueError:  # damaged: Pillow will say how
        return None
    return Picture(pixels, (), "JPEG", (width, height))


def _draft_size(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    scale = OVERSAMPLED * max(wanted) / min(size)  # both sides stay long enough, whichever way it is turned
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def centred_box(size: tuple[int, int], height: int, width: int) -> tuple[float, float, float, float]:
    """The largest centred box of shape height : width in a picture of `size` (width, height), as Pillow takes it."""
    full_width, full_height = size
    scale = min(full_width / width, full_height / height)
    left, top = max(0.0, (full_width - scale * width) / 2), max(0.0, (full_height - scale * height) / 2)
    # Rounding may put an edge a hair outside, which Pillow refuses.
    return left, top, min(full_width, left + scale * width), min(full_height, top + scale * height)


def resize(image: Image.Image, height: int, width: int, box=None) -> Image.Image:
    """Resizes (a box of) a picture with antialiasing, to `height` rows and `width` columns."""
    return image.resize((width, height), Image.Resampling.BILINEAR, box=box)
