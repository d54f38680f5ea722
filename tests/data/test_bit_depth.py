"""Bits that a file has and Pillow does not give are told."""

import io

import numpy as np
import pytest
from imagecodecs import avif_encode, jpeg2k_encode
from PIL import Image

from colorize.data.bit_depth import bits_of
from colorize.data.decode import decode

pytestmark = pytest.mark.once

DEEP = np.random.default_rng(0).integers(0, 1024, (48, 64, 3)).astype("uint16")


def ppm(largest: int) -> bytes:
    samples = np.minimum(DEEP, largest).astype(">u2" if largest > 255 else "u1")
    return b"P6\n# a comment\n64 48\n" + str(largest).encode() + b"\n" + samples.tobytes()


def test_a_header_full_of_comments_is_read_at_once():
    comments = b"# " + b" #" * 500 + b"\n"
    data = ppm(1023).replace(b"# a comment\n", comments).replace(b"64 48", b"64\n" + comments + b"48")
    with Image.open(io.BytesIO(data)) as image:
        assert bits_of(data, image) == 10


def sgi(bits: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray((DEEP >> 2).astype("uint8")).save(content, "SGI", bpc=bits // 8)
    return content.getvalue()


def jpeg_2000(bits: int) -> bytes:
    return bytes(jpeg2k_encode(DEEP if bits > 8 else (DEEP >> 2).astype("uint8"), bitspersample=bits))


def avif(bits: int) -> bytes:
    return bytes(avif_encode(DEEP if bits > 8 else (DEEP >> 2).astype("uint8"), bitspersample=bits))


@pytest.mark.parametrize(
    ("data", "bits"),
    [
        (ppm(255), 8), (ppm(1023), 10), (ppm(65535), 16), (sgi(8), 8), (sgi(16), 16),
        (jpeg_2000(8), 8), (jpeg_2000(12), 12), (avif(8), 8), (avif(10), 10), (avif(12), 12),
    ],
)  # fmt: skip
def test_more_than_8_bits_are_told_and_8_are_not(data, bits):
    with Image.open(io.BytesIO(data)) as image:
        assert bits_of(data, image) == bits
    told = [change for change in decode(data).converted if "bits scaled" in change]
    assert told == ([f"{bits} bits scaled to 8"] if bits > 8 else [])
