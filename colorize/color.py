"""sRGB to CIE Lab (D65, 2 degree observer) and back, in keras.ops and in float32.

Formulas: IEC 61966-2-1 for sRGB's transfer curve and primaries; CIE 15:2004, section 8.2.1, for Lab. The constants
are rounded as scikit-image rounds them, so that the two agree.
"""

import numpy as np
from keras import ops

from colorize.arrays import Ab, Lab, Lightness, Plane, Rgb, RgbFloat, RgbUint8

# Linear sRGB -> XYZ, one row per output (IEC 61966-2-1, primaries of ITU-R BT.709 under D65).
RGB_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
XYZ_TO_RGB = np.linalg.inv(RGB_TO_XYZ)
WHITE_D65 = np.array([0.95047, 1.0, 1.08883])  # XYZ of the white point, 2 degree observer

SRGB_LINEAR_BELOW = 0.04045  # encoded value under which sRGB is a straight line
SRGB_LINEAR_SLOPE = 12.92
SRGB_OFFSET = 0.055
SRGB_GAMMA = 2.4

_ENCODED = np.arange(256) / 255
LINEAR_OF_UINT8 = np.where(
    _ENCODED > SRGB_LINEAR_BELOW,
    ((_ENCODED + SRGB_OFFSET) / (1 + SRGB_OFFSET)) ** SRGB_GAMMA,
    _ENCODED / SRGB_LINEAR_SLOPE,
).astype("float32")  # of each value: a look into a table is faster than a power

LAB_LINEAR_BELOW = 0.008856  # share of white under which the cube root becomes a straight line
LAB_LINEAR_SLOPE = 7.787
LAB_OFFSET = 16.0 / 116.0
LAB_LINEAR_BELOW_INVERSE = 0.2068966  # the same place, seen from the other side

TINY = 1e-9  # instead of a division by nothing, at black and white

AB_SCALE = 110.0  # all of sRGB has |a|, |b| below this


def rgb_to_lab(rgb: Rgb) -> Lab:
    """Converts sRGB to Lab.

    Args:
        rgb: (..., 3); uint8 in 0..255, or float in 0..1.
    Returns:
        float32 of the same shape: L in 0..100, a and b in Lab units (within -110..110 for any sRGB colour).
    """
    xyz = _apply(RGB_TO_XYZ / WHITE_D65[:, None], _linear(rgb))
    x, y, z = ops.unstack(_lab_curve(xyz), 3, axis=-1)
    return ops.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1)


def rgb_to_lightness(rgb: Rgb) -> Lightness:
    """The L of `rgb_to_lab` alone, (..., 1), at a third of the cost."""
    weights = (RGB_TO_XYZ[1] / WHITE_D65[1]).astype("float32")
    # As a sum along the last axis, which XLA keeps apart from what follows: twice as fast on a CPU as `_apply`.
    return 116.0 * _lab_curve(ops.sum(_linear(rgb) * weights, axis=-1, keepdims=True)) - 16.0


def lightness_to_grey(lightness: Lightness) -> Lightness:
    """The grey of a lightness, L in 0..100, as sRGB in 0..1: what `lab_to_rgb` gives each channel at ab = 0."""
    return _encode(_lab_curve_inverse((ops.cast(lightness, "float32") + 16.0) / 116.0))


def lab_to_rgb(lab: Lab) -> RgbFloat:
    """Converts Lab to sRGB; what lies outside the gamut is clipped in RGB, as scikit-image does.

    Args:
        lab: (..., 3); L in 0..100, a and b in Lab units.
    Returns:
        float32 of the same shape, in 0..1. The gradient is finite everywhere, and 0 where RGB was clipped.
    """
    return _encode(_lab_to_linear(lab)[0])


def to_integers(rgb_float: RgbFloat, dtype: str = "uint8") -> Rgb:
    """Rounds RGB in 0..1 to uint8 in 0..255, or to uint16 in 0..65535."""
    return ops.cast(ops.round(rgb_float * float(np.iinfo(dtype).max)), dtype)


def compose(lightness: Lightness, ab: Ab) -> RgbUint8:
    """Lightness (..., 1) and ab (..., 2) in Lab units -> uint8 RGB (..., 3), clipped to the gamut.

    It is what the field's metrics are defined on; where a colour is clipped, its lightness changes.
    """
    return to_integers(lab_to_rgb(_lab_of(lightness, ab)))


def compose_in_gamut(lightness: Lightness, ab: Ab, dtype: str = "uint8") -> Rgb:
    """As `compose`, but a colour that sRGB does not have keeps its lightness and gives up as much colour as it must.

    It moves towards the grey of its own luminance, straight in linear light, until no channel is out of 0..1. Luminance
    is linear there, so that L stays as it is but for the rounding: white paper stays white. `dtype`: of the result, as
    of `to_integers`.
    """
    linear, luminance = _lab_to_linear(_lab_of(lightness, ab))
    luminance = ops.clip(luminance, 0.0, 1.0)
    away = linear - luminance
    room = ops.where(away > 0.0, 1.0 - luminance, luminance)
    share = ops.min(room / ops.maximum(ops.maximum(ops.abs(away), room), TINY), axis=-1, keepdims=True)
    return to_integers(_encode(luminance + share * away), dtype)


def _lab_of(lightness: Lightness, ab: Ab) -> Lab:
    return ops.concatenate([ops.cast(lightness, "float32"), ops.cast(ab, "float32")], axis=-1)


def _lab_to_linear(lab: Lab) -> tuple[RgbFloat, Lightness]:
    """Linear RGB (..., 3), out of 0..1 where sRGB does not have the colour, and its luminance (..., 1)."""
    lightness, a, b = ops.unstack(ops.cast(lab, "float32"), 3, axis=-1)
    y = (lightness + 16.0) / 116.0
    # A negative z has no colour; scikit-image sets it to 0 (and warns, which we do not).
    curved = ops.stack([y + a / 500.0, y, ops.maximum(y - b / 200.0, 0.0)], axis=-1)
    xyz = _lab_curve_inverse(curved)
    return _apply(XYZ_TO_RGB * WHITE_D65, xyz), xyz[..., 1:2]


def _apply(matrix: np.ndarray, pixels: RgbFloat) -> RgbFloat:
    # Written out: a matmul would run in bfloat16 or TF32 where an accelerator is allowed to.
    channels = ops.unstack(pixels, 3, axis=-1)
    rows = [sum(float(m) * channel for m, channel in zip(row, channels)) for row in matrix]
    return ops.stack(rows, axis=-1)


def _power(base: Plane, exponent: float) -> Plane:
    # Of positive numbers: three times as fast as `**` on a CPU, and as exact (1e-7).
    return ops.exp(ops.log(base) * exponent)


def _linear(rgb: Rgb) -> RgbFloat:
    is_uint8 = "int" in str(rgb.dtype)
    return ops.take(LINEAR_OF_UINT8, ops.cast(rgb, "int32")) if is_uint8 else _decode(ops.cast(rgb, "float32"))


def _decode(rgb: RgbFloat) -> RgbFloat:
    # Both branches of `where` are differentiated, so each gets only values that it is made for.
    curved = _power((ops.maximum(rgb, SRGB_LINEAR_BELOW) + SRGB_OFFSET) / (1 + SRGB_OFFSET), SRGB_GAMMA)
    return ops.where(rgb > SRGB_LINEAR_BELOW, curved, rgb / SRGB_LINEAR_SLOPE)


def _encode(linear: Plane) -> Plane:
    below = SRGB_LINEAR_BELOW / SRGB_LINEAR_SLOPE
    curved = (1 + SRGB_OFFSET) * _power(ops.maximum(linear, below), 1 / SRGB_GAMMA) - SRGB_OFFSET
    return ops.clip(ops.where(linear > below, curved, linear * SRGB_LINEAR_SLOPE), 0.0, 1.0)


def _lab_curve(share: Plane) -> Plane:
    root = _power(ops.maximum(share, LAB_LINEAR_BELOW), 1 / 3)
    return ops.where(share > LAB_LINEAR_BELOW, root, LAB_LINEAR_SLOPE * share + LAB_OFFSET)


def _lab_curve_inverse(curved: Plane) -> Plane:
    cubed = curved**3
    return ops.where(curved > LAB_LINEAR_BELOW_INVERSE, cubed, (curved - LAB_OFFSET) / LAB_LINEAR_SLOPE)
