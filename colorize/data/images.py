"""Reading a photo safely: any file that Pillow knows among five formats becomes upright 8-bit sRGB, or says why not."""

import functools
import io
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from colorize.errors import UserError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
SIXTEEN_BIT = ("I", "I;16", "I;16L", "I;16B", "I;16N")
JPEG_START = b"\xff\xd8\xff"
NOT_PLAIN = (b"Exif\0", b"ICC_PROFILE\0", b"Adobe", b"MPF\0")  # orientation, colours, CMYK, several frames
ORIENTATION = 0x0112  # the EXIF tag
LARGE_PIXELS = 16_000_000  # decoded, 64 MB with alpha, and three copies of it at most
OVERSAMPLED = 2
"""A large JPEG is decoded no smaller than this many times the size it is wanted at; antialiasing does the rest."""


class NotUsable(Exception):
    """Why a file is no photo of ours, in a few words."""


@dataclass(frozen=True)
class Picture:
    """A photo as it is used.

    Attributes:
        source: 8-bit sRGB, upright; as whichever decoder made it.
        converted: what had to be done to it, in words; empty where nothing had to.
        format: as Pillow calls it.
        size: (width, height) of the file, before turning.
    """

    source: Image.Image | np.ndarray
    converted: tuple[str, ...]
    format: str
    size: tuple[int, int]

    @property
    def image(self) -> Image.Image:
        """For Pillow."""
        return self.source if isinstance(self.source, Image.Image) else Image.fromarray(self.source)

    @property
    def pixels(self) -> np.ndarray:
        """uint8 (H, W, 3)."""
        return np.asarray(self.source)


def read_photo(path: Path) -> Image.Image:
    """Reads a photo as 8-bit sRGB: turned by EXIF, out of its ICC profile, alpha on white, first frame only.

    Raises:
        UserError: the file is missing, no photo of these formats, damaged, or a decompression bomb.
    """
    try:
        return decode(path.read_bytes()).image
    except FileNotFoundError:
        raise UserError(f"there is no photo {path}") from None
    except (NotUsable, OSError) as error:
        raise UserError(f"{path} cannot be used: {error}") from None


def decode(data: bytes, wanted: tuple[int, int] | None = None, lock: AbstractContextManager | None = None) -> Picture:
    """Decodes the bytes of a file.

    Args:
        wanted: (rows, columns) that it will be resized to; a JPEG far larger is decoded at 1/2, 1/4 or 1/8.
        lock: held while a large photo is decoded, so that several processes together need no more memory than one.
    Raises:
        NotUsable: empty, of no known format, damaged, of pixels without a defined range, or a decompression bomb
            (more than `PIL.Image.MAX_IMAGE_PIXELS`, told by the header alone).
    """
    if not data:
        raise NotUsable("empty file")
    plain = _plain_jpeg(data, wanted)
    if plain is not None:
        return plain
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                size = image.size
                if wanted:
                    image.draft(None, _draft_size(size, wanted))
                with lock if lock and image.width * image.height > LARGE_PIXELS else nullcontext():
                    return Picture(*_to_srgb(image), image.format, size)
    except UnidentifiedImageError:
        raise NotUsable(f"not a photo of a known format ({', '.join(FORMATS)})") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        limit = f"{Image.MAX_IMAGE_PIXELS / 1e6:.0f} megapixels"
        raise NotUsable(f"too large to open safely: its header says more than {limit}") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, OverflowError) as error:
        # Pillow lets many kinds through where a header lies.
        raise NotUsable(f"damaged: {str(error) or type(error).__name__}") from None


def _plain_jpeg(data: bytes, wanted: tuple[int, int] | None) -> Picture | None:
    """Decodes a JPEG with nothing to convert, nearly three times as fast as Pillow and to the same pixels; else None.

    Most photos are such; whatever is odd about a file is left to Pillow.
    """
    if not data.startswith(JPEG_START) or any(mark in data for mark in NOT_PLAIN):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours != "YCbCr" or height * width > min(LARGE_PIXELS, Image.MAX_IMAGE_PIXELS):
            return None
        columns, rows = _draft_size((width, height), wanted) if wanted else (0, 0)
        pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=rows, min_width=columns)
    except ValueError:  # damaged: Pillow will say how
        return None
    return Picture(pixels, (), "JPEG", (width, height))


def _draft_size(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    scale = OVERSAMPLED * max(wanted) / min(size)  # both sides stay long enough, whichever way it is turned
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _to_srgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    converted = []
    if getattr(image, "n_frames", 1) > 1:
        converted.append(f"first of {image.n_frames} frames")
    if image.getexif().get(ORIENTATION, 1) in range(2, 9):
        image = ImageOps.exif_transpose(image)
        converted.append("turned by EXIF")
    if image.mode == "F":
        raise NotUsable("floating-point pixels, whose range is not told")
    if image.mode in SIXTEEN_BIT:
        return _eight_bits(image), (*converted, "16 bits scaled to 8")
    profile = image.info.get("icc_profile")
    has_alpha = "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info
    if image.mode not in ("RGB", "RGBA"):
        converted.append(f"from mode {image.mode}")
    if has_alpha:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.convert("RGB")
    if profile:
        image, done = _out_of_profile(image, profile)
        converted.append(done)
    image = image.convert("RGB")
    if has_alpha:
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=alpha)
        image = white
        converted.append("alpha on white")
    return image, tuple(converted)


def _eight_bits(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image)  # Pillow would clip these to 8 bits, not scale them
    if pixels.min() < 0 or pixels.max() > 65535:
        raise NotUsable("32-bit pixels, whose range is not told")
    return Image.fromarray(((pixels.astype("uint32") + 128) // 257).astype("uint8")).convert("RGB")


def _out_of_profile(image: Image.Image, profile: bytes) -> tuple[Image.Image, str]:
    try:
        transform, name = _transform(profile, image.mode)
        return ImageCms.applyTransform(image, transform), f"from the profile {name}"
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
    left, top = (full_width - scale * width) / 2, (full_height - scale * height) / 2
    return left, top, left + scale * width, top + scale * height


def resize(image: Image.Image, height: int, width: int, box=None) -> Image.Image:
    """Resizes (a box of) a picture with antialiasing, to `height` rows and `width` columns."""
    return image.resize((width, height), Image.Resampling.BILINEAR, box=box)
