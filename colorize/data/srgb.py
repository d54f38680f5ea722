"""Whatever was read of a file becomes upright 8-bit sRGB: orientation, palettes, profiles, transparency."""

import functools
import io
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms

from colorize.arrays import DeepPixels, Pixels
from colorize.data import sixteen_bit
from colorize.data.bit_depth import bits_of
from colorize.data.sixteen_bit import MAX_16, Samples, to_8_bits
from colorize.errors import NotUsable

SIXTEEN_BIT = ("I", "I;16", "I;16L", "I;16B", "I;16N")
"""Modes of Pillow's."""
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


SRGB_GAMMA, SRGB_CURVES = 1 / 2.2, (13, 1, 6)
"""What PNGs say of samples that are sRGB's, or near to it: gAMA, and the transfer function of cICP (ITU-T H.273)."""
IN_TAGS = {"icc_profile": 34675, "xmp": 700}
"""What Pillow's `info` has of a TIFF -> the tag that it stands in."""
XMP_ORIENTATION = re.compile(rb"tiff:Orientation\s*(?:=\s*[\"']|>)\s*([1-8])\s*[\"'<]")
"""However XML may be written; Pillow knows one way alone."""


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
        about = cls(exif, dict(image.info))
        turned = sixteen_bit.orientation_of(exif.get(ORIENTATION))
        found = None if turned else XMP_ORIENTATION.search(about.xmp)
        if found:
            turned = int(found[1])
        if turned:
            exif[ORIENTATION] = turned
        return about

    @property
    def xmp(self) -> bytes:
        """Its XMP; empty where there is none."""
        xmp = self.info.get("xmp") or self.info.get("XML:com.adobe.xmp") or b""
        return xmp.encode("utf-8", "replace") if isinstance(xmp, str) else xmp


@dataclass(frozen=True)
class Picture:
    """A photo as it is used.

    Attributes:
        source: 8-bit sRGB, upright; as whichever decoder made it.
        converted: what had to be done to it, in words; empty where nothing had to.
        format: as Pillow calls it.
        size: (width, height) of the file, before turning.
        alpha: opacity, where it was to be kept and the file has some.
        deep: the same in 16 bits, RGB or with its opacity RGBA, where that was to be kept and the file has as many.
        about: what else the file says; None of a plain JPEG.
    """

    source: Image.Image | Pixels
    converted: tuple[str, ...]
    format: str
    size: tuple[int, int]
    alpha: Image.Image | None = None
    deep: DeepPixels | None = None
    about: About | None = None

    @property
    def image(self) -> Image.Image:
        """For Pillow."""
        return self.source if isinstance(self.source, Image.Image) else Image.fromarray(self.source)

    @property
    def pixels(self) -> Pixels:
        """uint8 (H, W, 3)."""
        return np.asarray(self.source)


def picture_of_image(image: Image.Image, data: bytes, size: tuple[int, int], frames: int, keeps_all: bool) -> Picture:
    """What Pillow has opened as a picture of ours.

    Args:
        data: the file.
        size: (width, height) of the file, which may be read at a smaller one.
        frames: pictures in the file; this is the first.
        keeps_all: whether what is transparent is left so.
    Raises:
        NotUsable: its pixels have no defined range.
    """
    converted, file_format, bits = [], image.format or "", bits_of(data, image)
    if frames > 1:
        converted.append(f"first of {frames} frames")
    image.load()
    _scale_transparent_grey(image, data)
    about = About.of(image)
    turn = TURNS.get(about.exif.get(ORIENTATION, 1))
    if turn is not None:  # `exif_transpose` would write the EXIF too, which fails where that is odd
        image = image.transpose(turn)
        converted.append("turned by EXIF")
    if image.mode == "F":
        raise NotUsable("floating-point pixels, of unknown range")
    if image.mode in SIXTEEN_BIT:
        image, bits = eight_bits(image), 16
    if bits > 8:
        converted.append(f"{bits} bits scaled to 8")
    elif image.mode not in ("RGB", "RGBA"):
        converted.append(f"from mode {image.mode}")
    image, alpha, done = _rgb_and_alpha(image, about.info.get("icc_profile"))
    done += _own_curve(data, about)
    if alpha and not keeps_all:
        image, alpha = _on_white(image, alpha), None
        done.append("alpha on white")
    return Picture(image, (*converted, *done), file_format, size, alpha, about=about)


def seek_photo(image: Image.Image) -> int:
    """Brings a file to its first picture, which in a TIFF may come after a thumbnail; how many pictures it has."""
    frames = getattr(image, "n_frames", 1)
    if image.format != "TIFF" or frames == 1 or not _is_no_photo(image):
        return frames
    photos = []
    for number in range(frames):
        image.seek(number)
        if not _is_no_photo(image):
            photos.append(number)
    image.seek(photos[0] if photos else 0)
    return len(photos) or frames


def _is_no_photo(image: Any) -> bool:
    return bool(image.tag_v2.get(sixteen_bit.SUBFILE_TYPE, 0) & sixteen_bit.NO_PHOTO)


def picture_of_samples(samples: Samples, data: bytes, keeps_all: bool) -> Picture:
    """The samples of a file as a picture of ours.

    Args:
        data: the file, of which Pillow reads the metadata where it can.
        keeps_all: whether 16 bits are kept beside the 8, and what is transparent is left so.
    """
    about, file_format = _read_about(data), "PNG" if data.startswith(sixteen_bit.PNG_START) else "TIFF"
    height, width, channels = samples.colours.shape
    converted = [f"first of {samples.frames} frames"] if samples.frames > 1 else []
    has_eight = not keeps_all or channels == 4 or samples.bits <= 8
    if has_eight and samples.bits != 8:
        converted.append(f"{samples.bits} bits scaled to 8")
    turn = sixteen_bit.TURNS.get(about.exif.get(ORIENTATION, samples.orientation))
    colours, opacity = samples.colours, samples.alpha
    if turn is not None:
        colours, opacity = turn(colours), None if opacity is None else turn(opacity)
        converted.append("turned by EXIF")
    profile, deep = about.info.get("icc_profile"), None
    alpha = None if opacity is None else Image.fromarray(to_8_bits(opacity))
    if has_eight:
        eight = to_8_bits(colours).squeeze(-1) if channels == 1 else to_8_bits(colours)
        image, _, done = _rgb_and_alpha(Image.fromarray(eight, "CMYK" if channels == 4 else None), profile)
    else:
        deep, words = sixteen_bit.to_srgb(colours, profile)
        image, done = Image.fromarray(to_8_bits(deep)), [words] if words else []
    done += _own_curve(data, about)
    if alpha and not keeps_all:
        image, alpha = _on_white(image, alpha), None
        done.append("alpha on white")
    if deep is not None and opacity is not None:
        deep = np.dstack([deep, opacity])
    return Picture(image, (*converted, *done), file_format, (width, height), alpha, deep, about)


def _own_curve(data: bytes, about: About) -> list[str]:
    """That a PNG without a profile says of its samples that they are not sRGB's (gAMA, cICP: PNG 3, section 11.3.2)."""
    if not data.startswith(sixteen_bit.PNG_START) or {"icc_profile", "srgb"} & set(about.info):
        return []
    gamma = about.info.get("gamma", SRGB_GAMMA)
    place = data[:4096].find(b"cICP")
    curve = data[place + 5] if place > 0 else SRGB_CURVES[0]
    is_other = abs(gamma - SRGB_GAMMA) > 0.05 * SRGB_GAMMA or curve not in SRGB_CURVES
    return ["samples of another curve were taken for sRGB's"] if is_other else []


def _read_about(data: bytes) -> About:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "TIFF")) as image:
            seek_photo(image)
            return About.of(image)
    except Exception:  # of a kind that Pillow does not open at all
        exif, tags = Image.Exif(), sixteen_bit.tags_of(data)
        info = {name: tags.pop(number) for name, number in IN_TAGS.items() if isinstance(tags.get(number), bytes)}
        for number, value in tags.items():
            if isinstance(value, str):
                exif[number] = value
        return About(exif, info)


def _rgb_and_alpha(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, Image.Image | None, list[str]]:
    """sRGB, opacity where there is some, and what was done, in words."""
    image, alpha = _without_alpha(image)
    done = []
    if profile:
        image, words = _out_of_profile(image, profile)
        done.append(words)
    return image if image.mode == "RGB" else image.convert("RGB"), alpha, done


def _scale_transparent_grey(image: Image.Image, data: bytes) -> None:
    """The grey that a PNG calls transparent, as its pixels are: Pillow scales 2 and 4 bits to 8, and not this."""
    if image.format == "PNG" and image.mode == "L" and isinstance(image.info.get("transparency"), int):
        bits = data[sixteen_bit.PNG_BITS]
        if bits < 8:
            image.info["transparency"] = image.info["transparency"] * 255 // (2**bits - 1)


def _on_white(image: Image.Image, alpha: Image.Image) -> Image.Image:
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=alpha)
    return white


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
    """A picture of 16 bits scaled to 8; Pillow would clip it.

    Raises:
        NotUsable: its values are more than 16 bits.
    """
    pixels = np.asarray(image)
    if pixels.min() < 0 or pixels.max() > MAX_16:
        raise NotUsable("32-bit pixels, of unknown range")
    return Image.fromarray(to_8_bits(pixels))


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
