"""Reading a photo safely: any file that Pillow knows among five formats becomes upright sRGB, or a clear error."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from colorize.errors import UserError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
SIXTEEN_BIT = ("I", "I;16", "I;16L", "I;16B", "I;16N")


def read_photo(path: Path) -> Image.Image:
    """Reads a photo as 8-bit sRGB: turned by EXIF, out of its ICC profile, alpha on white, first frame only.

    Raises:
        UserError: the file is missing, no photo of these formats, damaged, or a decompression bomb.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                return _to_srgb(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise UserError(f"there is no photo {path}") from None
    except UnidentifiedImageError:
        raise UserError(f"{path} is no photo of a known format; expected one of {', '.join(FORMATS)}") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is too large to open safely: {error}") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path} cannot be read, it is probably damaged: {error}") from None


def _to_srgb(image: Image.Image) -> Image.Image:
    if image.mode in SIXTEEN_BIT:  # Pillow would clip these to 8 bits, not scale them
        return Image.fromarray((np.asarray(image, "float64") / 257).round().astype("uint8")).convert("RGB")
    image = _out_of_profile(image)
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _out_of_profile(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "CMYK", "L"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image  # a broken profile says nothing: read the pixels as sRGB


def resize(image: Image.Image, height: int, width: int, box=None) -> Image.Image:
    """Resizes (a box of) a picture with antialiasing, to `height` rows and `width` columns."""
    return image.resize((width, height), Image.Resampling.BILINEAR, box=box)
