"""Colour profiles, written by hand."""

import numpy as np

# Adobe RGB (1998) and sRGB under D50, after Bradford (Lindbloom, "RGB/XYZ matrices").
ADOBE_TO_XYZ_D50 = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
XYZ_D50_TO_SRGB = np.linalg.inv(
    np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
)


def adobe_to_srgb(colour) -> np.ndarray:
    """By hand: curve, matrices, curve (IEC 61966-2-1)."""
    linear = XYZ_D50_TO_SRGB @ ADOBE_TO_XYZ_D50 @ (np.array(colour) / 255) ** (563 / 256)
    encoded = np.where(linear > 0.0031308, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055, 12.92 * linear)
    return np.clip(encoded * 255, 0, 255)


def fixed(values) -> bytes:
    """Numbers as ICC's s15Fixed16."""
    return b"".join(round(value * 65536).to_bytes(4, "big", signed=True) for value in values)


def profile(colours: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile, version 2: header, tag table, tags (ICC.1:2001-04)."""
    tags |= {
        b"wtpt": b"XYZ " + bytes(4) + fixed([0.9642, 1.0, 0.8249]),
        b"desc": b"desc" + bytes(4) + (6).to_bytes(4, "big") + b"tests\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\0" + bytes(3),
    }
    offset, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + (offset + len(body)).to_bytes(4, "big") + len(data).to_bytes(4, "big")
        body += data
    head = bytes(8) + b"\x02\x40\0\0" + b"mntr" + colours + b"XYZ " + bytes(12) + b"acsp" + bytes(28)
    head += fixed([0.9642, 1.0, 0.8249]) + bytes(48)
    content = head[:128] + len(tags).to_bytes(4, "big") + table + body
    return len(content).to_bytes(4, "big") + content[4:]


def gamma(value: float) -> bytes:
    """A curve."""
    return b"curv" + bytes(4) + (1).to_bytes(4, "big") + round(value * 256).to_bytes(2, "big") + bytes(2)


def adobe_rgb() -> bytes:
    columns = {b"rXYZ": 0, b"gXYZ": 1, b"bXYZ": 2}
    tags = {name: b"XYZ " + bytes(4) + fixed(ADOBE_TO_XYZ_D50[:, i]) for name, i in columns.items()}
    return profile(b"RGB ", tags | {name: gamma(563 / 256) for name in (b"rTRC", b"gTRC", b"bTRC")})


def linear_grey() -> bytes:
    return profile(b"GRAY", {b"kTRC": gamma(1.0)})
