"""Writing painted photos: round trips of format x compression x mode, and 16 bits that stay."""

import io
import itertools
import struct

import numpy as np
import pytest
import tifffile
from imagecodecs import png_encode
from PIL import ExifTags, Image

from colorize.data.decode import without_warnings
from colorize.inference.photo_files import photo_of
from colorize.inference.write_photo import encode, write

pytestmark = pytest.mark.once

SMOOTH = np.random.default_rng(0).integers(0, 256, (5, 7, 4)).astype("uint8")
SMOOTH = np.asarray(Image.fromarray(SMOOTH, "RGBA").resize((70, 50), Image.Resampling.BICUBIC))
"""RGB and opacity, not square, without edges that JPEG would blur."""

TIFFS = ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group3", "group4"]
MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"]
REASONABLE = [
    ("TIFF", {"compression": compression, "dpi": (300, 300)}, mode)
    for compression, mode in itertools.product(TIFFS, MODES)
    if not (compression.startswith("group") and mode != "1")
    and not (compression == "jpeg" and mode in ("1", "P", "LA", "RGBA"))
]
REASONABLE += [("PNG", {}, mode) for mode in MODES if mode != "CMYK"]
REASONABLE += [("PNG", {"optimize": True}, "RGB"), ("PNG", {"interlace": True}, "RGB")]
REASONABLE += [("JPEG", {"quality": quality}, mode) for quality in (10, 95) for mode in ("L", "RGB", "CMYK")]
REASONABLE += [("JPEG", {"progressive": True, "subsampling": 2, "comment": b"hello"}, "RGB")]
REASONABLE += [("WEBP", options, mode) for options in ({"lossless": True}, {"quality": 30}) for mode in ("RGB", "RGBA")]
REASONABLE += [("BMP", {}, mode) for mode in ("1", "L", "P", "RGB")]


def in_mode(mode: str) -> Image.Image:
    rgba = Image.fromarray(SMOOTH, "RGBA")
    return rgba if mode == "RGBA" else rgba.convert(mode if mode == "LA" else "RGB").convert(mode)


def read(data: bytes):
    with without_warnings():
        return photo_of(data)


def written(photo) -> bytes:
    content = io.BytesIO()
    encode(photo, content)
    return content.getvalue()


@pytest.mark.parametrize(("format", "options", "mode"), REASONABLE)
def test_what_is_written_has_the_pixels_that_were_painted_whatever_the_file_was(format, options, mode):
    source = io.BytesIO()
    in_mode(mode).save(source, format, **options)
    photo = read(source.getvalue())
    photo.image = Image.fromarray(np.asarray(photo.image)[..., ::-1].copy()) if mode != "1" else photo.image
    again = read(written(photo))
    assert again.format == photo.format == format and again.image.size == (70, 50)
    difference = np.abs(np.asarray(again.image).astype(int) - np.asarray(photo.image))
    if format in ("JPEG", "WEBP"):  # they compress once more, at quality 95
        assert difference.mean() < 5
    else:
        assert difference.max() == 0
    assert (again.alpha is None) == (photo.alpha is None)
    if photo.alpha is not None:
        np.testing.assert_array_equal(np.asarray(again.alpha), np.asarray(photo.alpha))


def test_nothing_of_how_the_source_was_stored_goes_into_the_painted_file():
    source = io.BytesIO()
    in_mode("RGB").save(source, "TIFF", compression="jpeg", quality=5, dpi=(300, 300), description="a scan")
    data = written(read(source.getvalue()))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        assert page.compression == 1 and "JPEGTables" not in page.tags
        assert page.tags["ImageDescription"].value == "a scan"
        assert page.tags["XResolution"].value == (300, 1)


def test_the_photo_that_was_read_stays_as_it_is():
    source = io.BytesIO()
    in_mode("RGBA").save(source, "PNG")
    photo = read(source.getvalue())
    before = np.asarray(photo.image).copy()
    written(photo)
    assert photo.image.mode == "RGB", "a comparison grid is made of it afterwards"
    np.testing.assert_array_equal(np.asarray(photo.image), before)


DEEP = np.random.default_rng(3).integers(0, 65536, (6, 9, 4)).astype("uint16")


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bits_are_written_as_16_bits(format, channels):
    pixels = np.ascontiguousarray(DEEP[..., :channels])
    source = io.BytesIO()
    if format == "PNG":
        source.write(png_encode(pixels))
    else:
        extra = ["unassalpha"] if channels == 4 else None
        tifffile.imwrite(source, pixels, photometric="rgb", extrasamples=extra, compression="lzw")
    photo = read(source.getvalue())
    photo.deep[..., :3] = photo.deep[..., 2::-1]
    again = read(written(photo))
    np.testing.assert_array_equal(again.deep, np.dstack([pixels[..., 2::-1], pixels[..., 3:]]))
    assert again.format == format


def test_a_png_of_16_bits_keeps_its_texts_profile_and_resolution():
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    bare = bytes(png_encode(np.ascontiguousarray(DEEP[..., :3])))
    texts = chunk(b"tEXt", b"Author\0Ada") + chunk(b"pHYs", struct.pack(">IIB", 11811, 11811, 1))
    again = written(read(bare[:33] + texts + bare[33:]))
    with Image.open(io.BytesIO(again)) as image:
        image.load()
        assert image.info["Author"] == "Ada" and image.info["icc_profile"]
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_a_tiff_of_16_bits_keeps_texts_and_xmp():
    source = io.BytesIO()
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>caption</x:xmpmeta>"
    tags = [(315, "s", 0, "Ada", True), (700, "B", len(xmp), xmp, True)]
    tifffile.imwrite(source, DEEP[..., :3], photometric="rgb", extratags=tags, resolution=(300, 300), resolutionunit=2)
    with Image.open(io.BytesIO(written(read(source.getvalue())))) as image:
        assert image.tag_v2[ExifTags.Base.Artist] == "Ada" and image.info["dpi"] == (300, 300)
        assert b"caption" in image.info["xmp"]


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif", "16.tif"])
def test_texts_keep_their_bytes_whatever_they_are_written_in(ending, tmp_path, noise):
    texts = {315: "M\u00fcller \u5199\u771f".encode(), 270: "M\u00fcller".encode("latin-1")}
    source, target = tmp_path / f"a.{ending}", tmp_path / "out" / f"a.{ending}"
    if ending == "16.tif":
        tags = [(number, "s", 0, text, True) for number, text in texts.items()]
        deep = noise(20, 30).astype("uint16") * 257
        tifffile.imwrite(source, deep, photometric="rgb", metadata=None, software=False, extratags=tags)
    else:
        exif = Image.Exif()
        for number, text in texts.items():
            exif[number] = text
        how = {"tiffinfo": dict(exif)} if ending == "tif" else {"exif": exif.tobytes()}
        Image.fromarray(noise(20, 30)).save(source, **how)
    with without_warnings():
        write(photo_of(source.read_bytes()), target)
    with Image.open(target) as image:
        found = {number: image.getexif()[number].encode("latin-1") for number in texts}  # as Pillow reads bytes
    assert found == texts


def test_a_bmp_that_loses_its_opacity_says_so(noise):
    bgra = np.dstack([noise(20, 30), noise(20, 30)[..., 0]])
    masks = [0xFF0000, 0xFF00, 0xFF, 0xFF000000]
    about = struct.pack("<IiiHHIIiiII4I", 108, 30, 20, 1, 32, 3, bgra.nbytes, 0, 0, 0, 0, *masks)  # BITMAPV4HEADER
    header = b"BM" + struct.pack("<IHHI", 122 + bgra.nbytes, 0, 0, 122)
    with without_warnings():
        photo = photo_of(header + about.ljust(108, b"\0") + bgra[::-1].tobytes())
    np.testing.assert_array_equal(np.asarray(photo.alpha), bgra[..., 3])
    assert "transparency lost" in photo.converted


def test_an_8_bit_bigtiff_is_painted():
    import tifffile

    content, out = io.BytesIO(), io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype("uint8")
    tifffile.imwrite(content, pixels, photometric="rgb", bigtiff=True, extratags=[(315, "s", 0, "Ada", True)])
    encode(photo_of(content.getvalue()), out)
    with Image.open(out) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
        assert image.getexif()[315] == "Ada"
