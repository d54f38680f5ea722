"""Writing painted photos: in the format that they were read in, with as many bits, and nothing left of how the file was
stored that they were read from.
"""

import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin

from colorize.arrays import DeepPixels
from colorize.inference.photo_files import Photo
from colorize.runs.atomic import replacing

WRITTEN: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "MPO": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "WEBP": {"quality": 95, "exact": True},
    "TIFF": {"compression": "raw"},  # with libtiff, which compresses, Pillow 13 cannot write the parts of EXIF
    "BMP": {},
}
"""Formats that are written as they were read, and how; others become PNG."""

TRANSPARENT = ("PNG", "WEBP", "TIFF")

KEPT_IN_TIFF = (
    *(ExifTags.Base.ImageDescription, ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Software),
    *(ExifTags.Base.DateTime, ExifTags.Base.Artist, ExifTags.Base.Copyright),
)
"""Texts that a TIFF of 16 bits gets; tifffile writes no parts of EXIF."""

HEADER_END = 33
"""Bytes of a PNG's signature and first chunk."""


def write(photo: Photo, target: Path) -> None:
    """Writes a photo that was painted, whole or not at all.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    with replacing(target) as partial:
        encode(photo, partial)


def encode(photo: Photo, place: Path | BinaryIO) -> None:
    """Writes a photo that was painted into a file that is there for it, or open already."""
    name = photo.format if photo.format in WRITTEN else "PNG"
    metadata = dict(photo.metadata)
    if name == "PNG" and "xmp" in metadata:
        metadata.setdefault("pnginfo", PngImagePlugin.PngInfo())
        metadata["pnginfo"].add_itxt("XML:com.adobe.xmp", metadata.pop("xmp").decode("utf-8", "replace"))
    if photo.deep is not None:
        _put(place, _deep_png(photo.deep, metadata) if name == "PNG" else _deep_tiff(photo.deep, metadata))
        return
    exif = metadata.pop("exif")
    if name == "TIFF" and "xmp" in metadata:
        exif[ExifTags.Base.XMLPacket] = metadata.pop("xmp")
    if exif:
        with suppress(Exception):  # of odd EXIF, which Pillow reads and cannot write; the photo is worth more
            metadata["exif"] = _fresh(exif).tobytes()  # an `Exif` as it is would lose its parts in a TIFF (Pillow 13)
            if name == "TIFF":
                metadata["exif"] = _with_bytes(metadata["exif"], exif)
    image = _bare(photo.image)
    if photo.alpha and name in TRANSPARENT:
        image.putalpha(photo.alpha)
    image.save(place, "JPEG" if name == "MPO" else name, **WRITTEN[name], **metadata)


def _fresh(exif: Image.Exif) -> Image.Exif:
    """The same without the file it was read from: a BigTIFF's would be written as one, which no format takes."""
    fresh, parts = Image.Exif(), (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
    for tag, value in exif.items():
        if tag not in parts:  # places in the file that it was read from
            fresh[tag] = value
    for part in parts:
        if values := exif.get_ifd(part):
            fresh.get_ifd(part).update(values)
    return fresh


def _with_bytes(content: bytes, exif: Image.Exif) -> Image.Exif:
    """EXIF as Pillow's writer of TIFF takes it; texts that are given as bytes it would read and write as ASCII."""
    loaded = Image.Exif()
    loaded.load(content)
    for tag in KEPT_IN_TIFF:
        if isinstance(exif.get(tag), bytes):
            loaded[tag] = exif[tag]
    return loaded


def _bare(image: Image.Image) -> Image.Image:
    """A copy of the pixels and of nothing else.

    What Pillow's writers are not told they take from the file that an image was read from, such as its compression.
    """
    bare = image.copy()  # a plain `Image`, of whichever format the file was
    bare.info = {}
    return bare


def _put(place: Path | BinaryIO, content: bytes) -> None:
    if isinstance(place, Path):
        place.write_bytes(content)
    else:
        place.write(content)


def _deep_png(pixels: DeepPixels, metadata: dict[str, Any]) -> bytes:
    """A PNG of 16 bits; its other chunks are those that Pillow writes of the same metadata."""
    from imagecodecs import png_encode

    whole, model = bytes(png_encode(np.ascontiguousarray(pixels))), io.BytesIO()
    Image.new("RGB", (1, 1)).save(model, "PNG", **metadata)
    others = b"".join(chunk for kind, chunk in _chunks(model.getvalue()) if kind[:1].islower())
    return whole[:HEADER_END] + others + whole[HEADER_END:]


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and bytes of each chunk (PNG 3, section 5.3); a small first letter: one that is not of the pixels."""
    start = 8
    while start < len(png):
        end = start + 12 + int.from_bytes(png[start : start + 4], "big")
        yield png[start + 4 : start + 8], png[start:end]
        start = end


def _deep_tiff(pixels: DeepPixels, metadata: dict[str, Any]) -> bytes:
    import tifffile

    exif, content = metadata["exif"], io.BytesIO()
    tags = [(int(tag), "s", 0, exif[tag], True) for tag in KEPT_IN_TIFF if isinstance(exif.get(tag), (str, bytes))]
    if "xmp" in metadata:
        tags.append((int(ExifTags.Base.XMLPacket), "B", len(metadata["xmp"]), metadata["xmp"], True))
    tifffile.imwrite(
        content, pixels, photometric="rgb", planarconfig="contig", compression="zlib", predictor=True,
        extrasamples=["unassalpha"] if pixels.shape[-1] == 4 else None, iccprofile=metadata["icc_profile"],
        resolution=metadata.get("dpi", (72, 72)), resolutionunit="INCH", software=False, metadata=None, extratags=tags,
    )  # fmt: skip
    return content.getvalue()
