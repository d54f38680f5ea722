"""Photos as the bytes of a file, whole and damaged."""

import io

import numpy as np
from PIL import Image


def file_of(rgb, name="PNG") -> bytes:
    content = io.BytesIO()
    Image.fromarray(rgb).save(content, name)
    return content.getvalue()


def damaged_avif(noise) -> bytes:
    """Pillow opens it and cannot decode it."""
    data = bytearray(file_of(noise(48, 64), "AVIF"))
    start = data.index(b"mdat") + 4
    data[start : start + 200] = bytes(200)
    return bytes(data)


def opened(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image)
