"""Which files are photos: the formats that are read, in training and in painting alike, and how their names end."""

import functools
import os
from importlib import import_module
from importlib.util import find_spec

from PIL import Image

FORMATS = (
    "JPEG", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "JPEG2000", "PPM", "TGA", "AVIF", "ICO", "PCX", "SGI", "QOI",
)  # fmt: skip
"""What Pillow decodes by itself, by its names; of its other formats some start programs, some are no photos."""

PLUG_INS = {"pillow_heif": "HEIF", "pillow_jxl": "JXL"}
"""Modules of the extra `formats`, and the format that each teaches Pillow."""

OF_PLUG_INS = {".heic": "HEIC", ".heif": "HEIF", ".hif": "HEIF", ".heics": "HEIC", ".heifs": "HEIF", ".jxl": "JPEG XL"}
"""Endings of these, where they are not installed."""

INSTALL = "pip install -e '.[formats]' -c constraints.txt"


@functools.cache
def known_formats() -> tuple[str, ...]:
    """The formats that are read here, with those of plug-ins that are installed."""
    found = [name for name in PLUG_INS if find_spec(name)]
    for name in found:
        plug_in = import_module(name)
        if name == "pillow_heif":
            plug_in.register_heif_opener()
    return (*FORMATS, *(PLUG_INS[name] for name in found))


@functools.cache
def endings() -> frozenset[str]:
    """How the names of photos end, in small letters; those of HEIC and JPEG XL too, whether they can be read or not."""
    formats = (*known_formats(), "MPO")  # MPO is a JPEG that brings more pictures
    known = {ending for ending, name in Image.registered_extensions().items() if name in formats}
    return frozenset(known | OF_PLUG_INS.keys())


def is_photo(name: str) -> bool:
    """Whether a file is taken for a photo by its name."""
    return os.path.splitext(name)[1].lower() in endings()


def how_to_read(data: bytes) -> str | None:
    """What to install for a file that is of a format of a plug-in; None for others, and where it is installed."""
    # An ISO media file whose brand is one of HEIF's (ISO 23008-12, annex B); JPEG XL, bare or in a box (ISO 18181-2).
    is_heif = data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"heim", b"heis", b"hevc")
    is_jxl = data.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"))
    name, kind = ("HEIF", "HEIC") if is_heif else ("JXL", "JPEG XL")
    if not (is_heif or is_jxl) or name in known_formats():
        return None
    return f"{kind}, which is read by a plug-in: {INSTALL}"
