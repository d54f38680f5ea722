"""How many bits a sample has in a file of which Pillow gives 8, so that what is lost can be told."""

import re

from PIL import Image

SIZ = b"\xff\x4f\xff\x51"
"""Start of a JPEG 2000 and of its sizes (ISO 15444-1, section A.5.1); the first depth stands 42 bytes behind it."""
AV1C = b"av1C"
"""Box of an AVIF (AV1 in ISOBMFF, section 2.3.3); the flags of 10 and 12 bits are in the third byte of its content."""
SGI_START = b"\x01\xda"
"""Of an SGI picture; bytes of a sample stand at 3."""


def bits_of(data: bytes, image: Image.Image) -> int:
    """Bits of a sample; 8 where the file does not say, or is of a format that has no more.

    Args:
        data: the file.
        image: the same, opened by Pillow.
    """
    if image.format == "PPM":
        header = re.match(rb"P[2356]\s+\d+\s+\d+\s+(\d+)\s", re.sub(rb"#[^\n]*\n", b"", data[:4096]))
        return max(8, int(header[1]).bit_length()) if header else 8
    if image.format == "JPEG2000" and 0 <= (start := data.find(SIZ)) < len(data) - 42:
        return (data[start + 42] & 0x7F) + 1
    if image.format == "AVIF" and 0 <= (start := data.find(AV1C)) < len(data) - 7:
        is_high, is_twelve = data[start + 6] & 0x40, data[start + 6] & 0x20
        return 12 if is_high and is_twelve else 10 if is_high else 8
    if image.format == "SGI" and data.startswith(SGI_START):
        return 8 * data[3]
    return int(image.info.get("bit_depth") or 8)  # of HEIC, by its plug-in
