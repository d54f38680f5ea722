"""Photos whose samples are not of 8 bits, of which Pillow loses some: read by tifffile and imagecodecs, by what the
file says of them, and scaled to the whole range of 16 bits.
"""

import functools
import io
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from colorize.arrays import DeepPixels, DeepPlane, DeepRgb
from colorize.errors import NotUsable

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""Classic, then BigTIFF."""
PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_SIZE, PNG_BITS = 16, 24
"""Bytes at which the width and the bit depth stand, in the first chunk of every PNG (PNG 3, section 11.2.1)."""

MAX_16 = 65535
GREY_ZERO_IS_WHITE, GREY, RGB, PALETTE, CMYK = 0, 1, 2, 3, 5
"""Values of PhotometricInterpretation (TIFF 6.0, sections 3 to 6 and 16) that are told apart."""
COLOURS = {GREY_ZERO_IS_WHITE: 1, GREY: 1, RGB: 3, CMYK: 4}
"""Their samples of a pixel, without transparency."""
PREMULTIPLIED, TRANSPARENCY = 1, 2
"""Values of ExtraSamples (TIFF 6.0, section 18) that say what another sample is."""
LZW = 5
"""A value of Compression (TIFF 6.0, section 13)."""
NO_PHOTO = 1 | 4
"""Bits of NewSubfileType (TIFF 6.0, section 8): a smaller copy of another picture of the file, and a mask of one."""
SUBFILE_TYPE = 254
"""The tag that has them."""
NO_INTEGERS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
"""Values of SampleFormat (TIFF 6.0, section 19) of which nobody says what is black and what is white."""


Decoding = Callable[[tuple[int, int]], AbstractContextManager]


class Samples(NamedTuple):
    """What a file holds, upright or not as it is there.

    Attributes:
        colours: uint16 (H, W, 1, 3 or 4): grey, RGB or CMYK, 0 to 65535.
        alpha: opacity, where there is some.
        bits: of a sample in the file.
        frames: pictures in the file; this is the first.
        orientation: as of EXIF, where the file says it.
    """

    colours: DeepPixels
    alpha: DeepPlane | None
    bits: int
    frames: int = 1
    orientation: int = 1


def read_samples(data: bytes, decoding: Decoding, instead: bool = False) -> Samples | None:
    """The samples of a file that Pillow would not read whole; None where it does.

    Args:
        instead: whether Pillow has failed at a TIFF that it should know.
        decoding: called with (width, height); the context in which so many pixels may be decoded.
    Raises:
        NotUsable: its samples are of a kind that has no defined range, or that is not known.
    """
    if data.startswith(PNG_START):
        return _of_png(data, decoding) if data[PNG_BITS : PNG_BITS + 1] == b"\x10" else None
    return _of_tiff(data, decoding, instead) if data.startswith(TIFF_STARTS) else None


def _of_png(data: bytes, decoding: Decoding) -> Samples:
    from imagecodecs import PngError, png_decode

    sides = [int.from_bytes(data[start : start + 4], "big") for start in (PNG_SIZE, PNG_SIZE + 4)]
    try:
        with decoding((sides[0], sides[1])):
            pixels = png_decode(data)
    except PngError as error:
        raise NotUsable(f"damaged: {error}") from None
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    has_alpha = pixels.shape[-1] in (2, 4)
    return Samples(pixels[..., :-1], pixels[..., -1], 16) if has_alpha else Samples(pixels, None, 16)


def _of_tiff(data: bytes, decoding: Decoding, instead: bool) -> Samples | None:
    try:
        with _tifffile().TiffFile(io.BytesIO(data)) as file:
            page, frames = _photo_page(file)
            if page.subfiletype & NO_PHOTO and "SubIFDs" in page.tags:
                raise NotUsable("a raw photo, of which only a thumbnail is a picture; develop it first")
            if _pillow_knows(page) and not instead:
                return None
            _check_kind(page)
            if not all(page.databytecounts):
                raise NotUsable("damaged: a part of its pixels is missing")
            with decoding((page.imagewidth, page.imagelength)):
                return _scaled(page, _pixels(page, data), frames)
    except (NotUsable, Image.DecompressionBombError):
        raise
    except Exception as error:  # of many kinds, where a header lies
        raise NotUsable.damaged(error) from None


def _tifffile():
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what is wrong with a file is told with its name
    return tifffile


def _photo_page(file: Any) -> tuple[Any, int]:
    """The first page that is a picture of its own, and how many are; a thumbnail may come before it."""
    first = file.pages.first
    if not first.subfiletype & NO_PHOTO:
        return first, len(file.pages)
    photos = [page for page in file.pages if not page.subfiletype & NO_PHOTO]
    return (photos[0], len(photos)) if photos else (first, len(file.pages))


def tags_of(data: bytes) -> dict[int, Any]:
    """The tags of a TIFF's photo by their numbers; empty where it has none that can be read."""
    try:
        with _tifffile().TiffFile(io.BytesIO(data)) as file:
            return {tag.code: tag.value for tag in _photo_page(file)[0].tags}
    except Exception:  # of many kinds, where a header lies
        return {}


def _pillow_knows(page: Any) -> bool:
    """Samples of 8 bits, or fewer of a palette or of black and white, in an arrangement that Pillow has a mode for."""
    usual = {(GREY_ZERO_IS_WHITE, 1), (GREY, 1), (GREY, 2), (RGB, 3), (RGB, 4), (CMYK, 4), (PALETTE, 1)}
    is_usual = page.photometric not in COLOURS or (page.photometric, page.samplesperpixel) in usual
    bits = (1, 2, 4, 8) if page.photometric == PALETTE else (1, 8)
    return page.bitspersample in bits and is_usual and page.sampleformat in (1, 4)


def _check_kind(page: Any) -> None:
    if page.sampleformat in NO_INTEGERS:
        raise NotUsable(f"{NO_INTEGERS[page.sampleformat]} pixels, of unknown range")
    if page.bitspersample > 16:
        raise NotUsable(f"{page.bitspersample}-bit pixels, of unknown range")
    if page.photometric not in COLOURS:
        raise NotUsable(f"{page.bitspersample} bits a sample of the kind {page.photometric.name}, which is not known")


def _pixels(page: Any, data: bytes) -> np.ndarray:
    """As tifffile gives them; of LZW by libtiff: a damaged one ends the process in imagecodecs' own decoder."""
    from imagecodecs import tiff_decode

    if page.compression != LZW or page.bitspersample not in (8, 16):
        return page.asarray()
    if page.photometric == CMYK:  # which libtiff would make RGB of
        at = page.tags["PhotometricInterpretation"].valueoffset
        order: Any = {"<": "little", ">": "big"}[page.parent.byteorder]
        data = data[:at] + RGB.to_bytes(2, order) + data[at + 2 :]
    return tiff_decode(data, index=page.index)


def _scaled(page: Any, pixels: np.ndarray, frames: int) -> Samples:
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    elif page.planarconfig == 2:  # a plane for each sample, one after the other
        pixels = np.moveaxis(pixels, 0, -1)
    largest = 2**page.bitspersample - 1
    number = COLOURS[page.photometric]
    colours = _to_16_bits(pixels[..., :number], largest)
    if page.photometric == GREY_ZERO_IS_WHITE:
        colours = MAX_16 - colours
    kinds = [int(kind) for kind in page.extrasamples]
    place = next((at for at, kind in enumerate(kinds) if kind in (PREMULTIPLIED, TRANSPARENCY)), None)
    tag = page.tags.get("Orientation")
    orientation = orientation_of(tag.value) or 1 if tag else 1
    if place is None:
        return Samples(colours, None, page.bitspersample, frames, orientation)
    alpha = _to_16_bits(pixels[..., number + place], largest)
    if kinds[place] == PREMULTIPLIED:
        whole = np.maximum(alpha, 1)[..., None].astype("float32")
        colours = np.minimum(np.rint(colours * (MAX_16 / whole)), MAX_16).astype("uint16")
    return Samples(colours, alpha, page.bitspersample, frames, orientation)


def orientation_of(value: Any) -> int | None:
    """What a tag of orientation says, of whatever type it is: its first value; None where that is none of the eight."""
    values = list(value) if isinstance(value, bytes | tuple) else [value]
    return values[0] if values and values[0] in range(1, 9) else None


def _to_16_bits(samples: np.ndarray, largest: int) -> np.ndarray:
    if largest == MAX_16:
        return samples.astype("uint16")  # in the byte order of this machine
    return ((samples.astype("uint32") * MAX_16 + largest // 2) // largest).astype("uint16")


def to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """16 bits rounded to 8, without a copy of the whole in 32."""
    rounded = np.empty(pixels.shape, "uint8")
    for row, values in enumerate(pixels):  # a row at a time: the photo may be large
        rounded[row] = (values.astype("uint32") + 128) // 257
    return rounded


def to_srgb(colours: DeepPixels, profile: bytes | None) -> tuple[DeepRgb, str]:
    """Grey or RGB of 16 bits under its ICC profile as sRGB (H, W, 3), and what was done, in words.

    A profile that is broken, or of other colours, is left out of account and said so.
    """
    grey = colours.shape[-1] == 1
    if profile:
        from imagecodecs import CMS, CmsError, cms_transform

        try:
            given = np.ascontiguousarray(colours[..., 0] if grey else colours)
            converted = cms_transform(
                given, profile, _srgb(), colorspace="gray" if grey else "rgb", outcolorspace="rgb", outdtype="uint16",
                flags=CMS.FLAGS.NOOPTIMIZE,  # else by a table of 33 steps, which is off by up to 3 of 255
            )  # fmt: skip
            return converted, "from its ICC profile"
        except (CmsError, ValueError):
            return _three(colours), "its ICC profile is broken and was ignored"
    return _three(colours), ""


def _three(colours: DeepPixels) -> DeepRgb:
    return np.repeat(colours, 3, axis=-1) if colours.shape[-1] == 1 else np.ascontiguousarray(colours)


@functools.cache
def _srgb() -> bytes:
    from imagecodecs import cms_profile

    return cms_profile("srgb")


TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}
"""EXIF's orientation -> what makes an array upright (Exif 2.32, section 4.6.4)."""
