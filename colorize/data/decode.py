"""Reading a photo safely: any file that Pillow knows among five formats becomes upright 8-bit sRGB, or says why not."""

import functools
import io
import struct
import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import simplejpeg
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from colorize.arrays import Pixels

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
SIXTEEN_BIT = ("I", "I;16", "I;16L", "I;16B", "I;16N")
JPEG_START = b"\xff\xd8\xff"
NOT_PLAIN = (b"Exif\0", b"ICC_PROFILE\0", b"Adobe", b"MPF\0")  # orientation, colours, CMYK, several frames
ORIENTATION = 0x0112  # the EXIF tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Its value -> what makes a picture upright (Exif 2.32, section 4.6.4)."""
LARGE_PIXELS = 16_000_000
"""Of such photos one is decoded at a time, so that all processes together stay below 1 GiB."""

MAX_PIXELS = 40_000_000
"""Where memory is to be bounded: of what cannot be decoded at a smaller size, a WebP needs 22 bytes a pixel."""

OVERSAMPLED = 2
"""A large JPEG is decoded no smaller than this many times the size it is wanted at; antialiasing does the rest."""


class NotUsable(Exception):
    """Why a file is no photo of ours, in a few words."""


@dataclass(frozen=True)
class About:
    """What a file says beside its pixels, as Pillow gives it."""

    exif: Image.Exif
    info: dict

    @classmethod
    def of(cls, image: Image.Image) -> "About":
        """Of a picture whose file is still open; its EXIF with the parts."""
        try:
            exif = image.getexif()
            for part in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
                exif.get_ifd(part)
        except Exception:  # any exception Pillow raises where EXIF is wrong
            exif = Image.Exif()
        return cls(exif, dict(image.info))


@dataclass(frozen=True)
class Picture:
    """A photo as it is used.

    Attributes:
        source: 8-bit sRGB, upright; as whichever decoder made it.
        converted: what had to be done to it, in words; empty where nothing had to.
        format: as Pillow calls it.
        size: (width, height) of the file, before turning.
        alpha: opacity, where it was to be kept and the file has some.
        about: what else the file says; None of a plain JPEG.
    """

    source: Image.Image | Pixels
    converted: tuple[str, ...]
    format: str
    size: tuple[int, int]
    alpha: Image.Image | None = None
    about: About | None = None

    @property
    def image(self) -> Image.Image:
        """For Pillow."""
        return self.source if isinstance(self.source, Image.Image) else Image.fromarray(self.source)

    @property
    def pixels(self) -> Pixels:
        """uint8 (H, W, 3)."""
        return np.asarray(self.source)


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
    formats: tuple[str, ...] = FORMATS,
    largest: int | None = None,
    keeps_alpha: bool = False,
    wanted: tuple[int, int] | None = None,
    lock: AbstractContextManager | None = None,
) -> Picture:
    """`decode` for one thread of several, within `without_warnings`.

    Args:
        formats: that are known, as Pillow calls them.
        largest: pixels; None: `PIL.Image.MAX_IMAGE_PIXELS`. Pillow itself refuses more than twice that.
        keeps_alpha: whether what is transparent is left so, and not laid on white.
    """
    if not data:
        raise NotUsable("empty file")
    largest = largest or Image.MAX_IMAGE_PIXELS or sys.maxsize
    plain = _plain_jpeg(data, wanted, largest)
    if plain is not None:
        return plain
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            size = image.size
            pixels = size[0] * size[1]
            if pixels > largest:
                raise Image.DecompressionBombError
            if wanted:
                image.draft(None, _draft_size(size, wanted))
                if image.size == size and pixels > MAX_PIXELS:
                    limit = f"{MAX_PIXELS / 1e6:.0f} megapixels"
                    raise NotUsable(f"too large to decode in bounded memory: more than {limit}, and no JPEG")
            with lock if lock and pixels > LARGE_PIXELS else nullcontext():
                return _to_srgb(image, size, keeps_alpha)
    except UnidentifiedImageError:
        raise NotUsable(f"not a photo of a known format ({', '.join(formats)})") from None
    except Image.DecompressionBombError:
        raise NotUsable(f"too large to open safely: its header says more than {largest / 1e6:.0f} megapixels") from None
    except (
        OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, OverflowError, AttributeError,
        RuntimeError, struct.error,
    ) as error:  # fmt: skip
        # Pillow lets many kinds through where a header lies.
        raise NotUsable(f"damaged: {str(error) or type(error).__name__}") from None


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


def _to_srgb(image: Image.Image, size: tuple[int, int], keeps_alpha: bool) -> Picture:
    converted, file_format = [], image.format or ""
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        converted.append(f"first of {frames} frames")
    image.load()
    about = About.of(image)
    turn = TURNS.get(about.exif.get(ORIENTATION, 1))
    if turn is not None:  # `exif_transpose` would write the EXIF too, which fails where that is odd
        image = image.transpose(turn)
        converted.append("turned by EXIF")
    if image.mode == "F":
        raise NotUsable("floating-point pixels, of unknown range")
    profile = image.info.get("icc_profile")
    if image.mode in SIXTEEN_BIT:
        image = eight_bits(image)
        converted.append("16 bits scaled to 8")
    elif image.mode not in ("RGB", "RGBA"):
        converted.append(f"from mode {image.mode}")
    image, alpha = _without_alpha(image)
    if profile:
        image, done = _out_of_profile(image, profile)
        converted.append(done)
    image = image if image.mode == "RGB" else image.convert("RGB")
    if alpha and not keeps_alpha:
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=alpha)
        image = white
        converted.append("alpha on white")
    return Picture(image, tuple(converted), file_format, size, alpha if keeps_alpha else None, about)


def _without_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The colours in a mode that ICC profiles are made for (L, RGB, CMYK or LAB), and the alpha where there is some."""
    has_alpha = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    colours = {"1": "L", "LA": "L", "La": "L", "P": "RGB", "PA": "RGB", "RGBA": "RGB", "RGBa": "RGB", "YCbCr": "RGB"}
    target = colours.get(image.mode, image.mode)
    if not has_alpha:
        return (image if image.mode == target else image.convert(target)), None
    whole = image if image.mode == "RGBA" else image.convert("RGBA")
    alpha = whole.getchannel("A")
    return (whole.getchannel("R") if target == "L" else whole.convert("RGB")), alpha


def eight_bits(image: Image.Image) -> Image.Image:
    """A picture of 16 bits scaled to 8.

    Raises:
        NotUsable: its values are more than 16 bits.
    """
    pixels = np.asarray(image)  # Pillow would clip these to 8 bits, not scale them
    if pixels.min() < 0 or pixels.max() > 65535:
        raise NotUsable("32-bit pixels, of unknown range")
    scaled = np.empty(pixels.shape, "uint8")
    for row, values in enumerate(pixels):  # a row at a time: the photo may be large
        scaled[row] = (values.astype("uint32") + 128) // 257
    return Image.fromarray(scaled)


def _out_of_profile(image: Image.Image, profile: bytes) -> tuple[Image.Image, str]:
    try:
        transform, name = _transform(profile, image.mode)
        in_srgb = ImageCms.applyTransform(image, transform)
        assert in_srgb is not None  # not in place
        return in_srgb, f"from the profile {name}"
    except (ImageCms.PyCMSError, OSError, ValueError, KeyError):
        return image, "its ICC profile is broken and was ignored"


@functools.lru_cache(maxsize=16)  # a camera writes the same profile into each of its photos
def _transform(profile: bytes, mode: str):
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    return transform, ImageCms.getProfileDescription(source).strip()


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


def is_grey(pixels: Pixels) -> bool:
    """Whether red, green and blue are equal everywhere: uint8 (H, W, 3)."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    return np.array_equal(red[0], green[0]) and np.array_equal(red, green) and np.array_equal(green, blue)
