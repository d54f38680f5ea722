"""Reading photos to paint them: their pixels, and what of the rest is true of the painted photo too."""

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from colorize.arrays import DeepPixels
from colorize.data.decode import decode_in_thread
from colorize.data.sixteen_bit import to_8_bits
from colorize.data.srgb import About
from colorize.errors import NotUsable

MAX_PAINTED_PIXELS = 178_000_000
"""Above this Pillow opens nothing; below it a photo takes four bytes a pixel, twice where it is turned."""

_MADE_NOW = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SRGB = _MADE_NOW[:24] + bytes(12) + _MADE_NOW[36:]  # without the date, so that a photo is painted into the same bytes

_BASE = ExifTags.Base
OPAQUE = ("BMP",)
"""Formats that are written as they were read, without the opacity that they may have."""
NOT_KEPT = {
    *(_BASE.Orientation, _BASE.WhitePoint, _BASE.PrimaryChromaticities, _BASE.TransferFunction),
    *(_BASE.YCbCrCoefficients, _BASE.YCbCrSubSampling, _BASE.YCbCrPositioning, _BASE.ReferenceBlackWhite),
    *(_BASE.InterColorProfile, _BASE.PhotometricInterpretation, _BASE.InkSet, _BASE.ColorMap),
    *(_BASE.ImageWidth, _BASE.ImageLength, _BASE.BitsPerSample, _BASE.SamplesPerPixel, _BASE.SampleFormat),
    *(_BASE.Compression, _BASE.Predictor, _BASE.PlanarConfiguration, _BASE.FillOrder, _BASE.NewSubfileType),
    *(_BASE.StripOffsets, _BASE.StripByteCounts, _BASE.RowsPerStrip, _BASE.ExtraSamples, _BASE.SubIFDs),
    *(_BASE.TileWidth, _BASE.TileLength, _BASE.TileOffsets, _BASE.TileByteCounts, _BASE.JPEGTables),
    *(_BASE.XMLPacket, _BASE.ImageResources),
}
"""EXIF that speaks of turning, of colour or of how pixels were stored: true of the file that was read, not of ours."""

IPTC = 0x0404
"""Number of its resource among Photoshop's."""

XMP_NOT_KEPT = (
    "tiff:Orientation photoshop:ICCProfile photoshop:ColorMode exif:ColorSpace tiff:PhotometricInterpretation"
)


@dataclass
class Photo:
    """A photo as it was read.

    Attributes:
        image: upright sRGB of 8 bits, which the model is shown.
        alpha: opacity, where there is some.
        deep: the same in 16 bits, RGB or RGBA, where the file has as many.
        format: of the file, as Pillow calls it.
        metadata: for `PIL.Image.Image.save`.
        converted: what was done to it, in words.
    """

    image: Image.Image
    alpha: Image.Image | None
    deep: DeepPixels | None
    format: str
    metadata: dict
    converted: tuple[str, ...]

    @property
    def canvas(self) -> Image.Image | DeepPixels:
        """What is painted: all bits that the file has."""
        return self.image if self.deep is None else self.deep

    @property
    def shown(self) -> Image.Image:
        """It, or what was painted on it, in 8 bits."""
        return self.image if self.deep is None else Image.fromarray(to_8_bits(self.deep[..., :3]))


def read(path: Path) -> Photo:
    """Reads a photo whole; within `without_warnings`.

    Raises:
        NotUsable: it cannot be used, and why.
    """
    try:
        return photo_of(path.read_bytes())
    except OSError as error:
        raise NotUsable(f"cannot be read: {error.strerror or error}") from None
    except MemoryError:
        raise NotUsable("there is not enough memory for it") from None


def photo_of(data: bytes, largest: int = MAX_PAINTED_PIXELS) -> Photo:
    """`read` for the bytes of a file, of at most so many pixels."""
    picture = decode_in_thread(data, largest, keeps_all=True)
    about = picture.about
    if about is None:  # of a plain JPEG: its header is read again, which is quick
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as file:
            about = About.of(file)
    image = picture.image
    metadata = _metadata(about, picture.format, image.size)
    converted = picture.converted
    if picture.alpha is not None and picture.format in OPAQUE:
        converted = (*converted, "transparency lost")
    return Photo(image, picture.alpha, picture.deep, picture.format, metadata, converted)


def _metadata(about: About, image_format: str, size: tuple[int, int]) -> dict:
    """What of a file's metadata is true of the painted photo too."""
    kept: dict[str, Any] = {"icc_profile": SRGB, "exif": _exif(about.exif, size)}
    if about.xmp:
        kept["xmp"] = _xmp(about.xmp)
    if about.info.get("dpi"):
        kept["dpi"] = about.info["dpi"]
    if image_format == "PNG":
        kept["pnginfo"] = _png_text(about.info)
    elif about.info.get("comment"):
        kept["comment"] = about.info["comment"]
    if image_format in ("JPEG", "MPO"):
        kept["extra"] = _iptc(about.info.get("photoshop"))
    return kept


def _iptc(resources) -> bytes:
    """The caption and the rights that archives write (IPTC), as a segment of a JPEG; nothing else of Photoshop's."""
    text = resources.get(IPTC) if isinstance(resources, dict) else None
    if not text or len(text) > 65_000:
        return b""
    block = b"Photoshop 3.0\0" + b"8BIM" + IPTC.to_bytes(2, "big") + bytes(2) + len(text).to_bytes(4, "big")
    block += text + bytes(len(text) % 2)
    return b"\xff\xed" + (len(block) + 2).to_bytes(2, "big") + block


def _exif(exif: Image.Exif, size: tuple[int, int]) -> Image.Exif:
    """Without what is no longer true."""
    for tag in NOT_KEPT & set(exif):
        del exif[tag]
    details = exif.get_ifd(ExifTags.IFD.Exif)
    for tag, value in ((_BASE.ColorSpace, 1), (_BASE.ExifImageWidth, size[0]), (_BASE.ExifImageHeight, size[1])):
        if tag in details:
            details[tag] = value
    details.pop(_BASE.Gamma, None)
    for part in (exif, details, exif.get_ifd(ExifTags.IFD.GPSInfo)):
        for number, value in list(part.items()):
            # Pillow reads bytes as Latin-1, whatever they are, and writes ASCII alone.
            if isinstance(value, str) and not value.isascii():
                part[number] = value.encode("latin-1", "replace")
    return exif


def _xmp(xmp: bytes) -> bytes:
    for tag in XMP_NOT_KEPT.split():
        name = re.escape(tag.encode())
        xmp = re.sub(rb"\s" + name + rb"\s*=\s*(\"[^\"]*\"|'[^']*')|<" + name + rb">[^<]*</" + name + rb">", b"", xmp)
    return xmp


def _png_text(info: dict) -> PngImagePlugin.PngInfo:
    kept = PngImagePlugin.PngInfo()
    for key, value in info.items():
        if isinstance(value, str) and not key.startswith("XML:") and not key.lower().startswith("raw profile"):
            kept.add_itxt(key, value)
    return kept
