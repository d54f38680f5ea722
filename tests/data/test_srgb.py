"""What a file says beside its pixels: transparency of PNGs, orientation in XMP."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from colorize.data.decode import decode_in_thread, without_warnings

pytestmark = pytest.mark.once


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_transparent_grey_of_a_png_is_transparent_at_every_depth(bits):
    largest = 2**bits - 1
    rows = [[0, largest], [largest, 0]]
    packed = [sum(value << max(0, 8 - bits * (place + 1)) for place, value in enumerate(row)) for row in rows]
    lines = b"".join(b"\0" + (bytes(row) if bits == 8 else bytes([byte])) for row, byte in zip(rows, packed))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 2, 2, bits, 0, 0, 0, 0)),
        (b"tRNS", struct.pack(">H", largest)),
        (b"IDAT", zlib.compress(lines)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in chunks:
        data += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    picture = decode_in_thread(data, 10**7, keeps_all=True)
    np.testing.assert_array_equal(np.asarray(picture.alpha), [[255, 0], [0, 255]])


XMP_SPELLINGS = [
    " tiff:Orientation='6'/>",
    ' tiff:Orientation="6"/>',
    ' tiff:Orientation = "6" />',
    "><tiff:Orientation>6</tiff:Orientation></r>",
    "><tiff:Orientation>\n 6\n</tiff:Orientation></r>",
]


@pytest.mark.parametrize("spelling", XMP_SPELLINGS)
@pytest.mark.parametrize("exif", [None, 0])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_photo_is_turned_by_its_xmp_however_that_is_written(kind, exif, spelling):
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><r" + spelling.encode() + b"</x:xmpmeta>"
    content, how, tags = io.BytesIO(), {}, Image.Exif()
    if exif is not None:
        tags[0x0112] = exif
    if kind == "PNG":
        how["pnginfo"] = PngInfo()
        how["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
    elif kind == "TIFF":
        tags[700] = xmp
    else:
        how["xmp"] = xmp
    Image.new("RGB", (8, 4)).save(content, kind, exif=tags, **how)
    with without_warnings():
        assert decode_in_thread(content.getvalue(), 10**7, keeps_all=True).image.size == (4, 8)
