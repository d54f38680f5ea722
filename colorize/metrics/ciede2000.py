"""The CIEDE2000 colour difference."""

import math

from keras import ops

from colorize.arrays import Flags, Lab, Plane

DEGREES = 180.0 / math.pi
POWER_25_7 = 25.0**7


def ciede2000(lab: Lab, lab_other: Lab) -> Plane:
    """How different two colours look: about 1 is just seen.

    Formula: CIE 142-2001, in the order of Sharma, Wu and Dalal 2005 (section 2, equations 2 to 22), with all three
    weights kL = kC = kH = 1.

    Args:
        lab, lab_other: (..., 3), L in 0..100, a and b in Lab units.
    Returns:
        (...,), 0 for equal colours.
    """
    lightness_1, a_1, b_1 = ops.unstack(lab, 3, axis=-1)
    lightness_2, a_2, b_2 = ops.unstack(lab_other, 3, axis=-1)
    stretch = 1.0 + 0.5 * (1.0 - _saturating((_length(a_1, b_1) + _length(a_2, b_2)) / 2.0))
    a_1, a_2 = a_1 * stretch, a_2 * stretch
    chroma_1, chroma_2 = _length(a_1, b_1), _length(a_2, b_2)
    hue_1, hue_2 = _hue(a_1, b_1), _hue(a_2, b_2)
    is_grey = chroma_1 * chroma_2 == 0.0

    d_lightness, d_chroma = lightness_2 - lightness_1, chroma_2 - chroma_1
    turn = hue_2 - hue_1
    turn = ops.where(turn > 180.0, turn - 360.0, ops.where(turn < -180.0, turn + 360.0, turn))
    turn = ops.where(is_grey, 0.0, turn)
    d_hue = 2.0 * ops.sqrt(chroma_1 * chroma_2) * _sin(turn / 2.0)

    lightness, chroma = (lightness_1 + lightness_2) / 2.0, (chroma_1 + chroma_2) / 2.0
    hue = _mean_hue(hue_1, hue_2, is_grey)
    tilt = _tilt(hue)
    from_middle = (lightness - 50.0) ** 2
    weight_lightness = 1.0 + 0.015 * from_middle / ops.sqrt(20.0 + from_middle)
    weight_chroma = 1.0 + 0.045 * chroma
    weight_hue = 1.0 + 0.015 * chroma * tilt
    blue = 30.0 * ops.exp(-(((hue - 275.0) / 25.0) ** 2))
    rotation = -_sin(2.0 * blue) * 2.0 * _saturating(chroma)

    by_lightness, by_chroma = d_lightness / weight_lightness, d_chroma / weight_chroma
    by_hue = d_hue / weight_hue
    squared = by_lightness**2 + by_chroma**2 + by_hue**2 + rotation * by_chroma * by_hue
    return ops.sqrt(ops.maximum(squared, 0.0))  # rounding may take it below 0 for equal colours


def _tilt(hue: Plane) -> Plane:
    """1 - .17 cos(h - 30) + .24 cos 2h + .32 cos(3h + 6) - .20 cos(4h - 63), from one cosine and one sine.

    By the addition theorems: four cosines of every pixel would take as long as all the rest.
    """
    cos_1, sin_1 = _cos(hue), _sin(hue)
    cos_2, sin_2 = cos_1 * cos_1 - sin_1 * sin_1, 2.0 * sin_1 * cos_1
    cos_3, sin_3 = cos_2 * cos_1 - sin_2 * sin_1, sin_2 * cos_1 + cos_2 * sin_1
    cos_4, sin_4 = cos_2 * cos_2 - sin_2 * sin_2, 2.0 * sin_2 * cos_2

    def turned(cos: Plane, sin: Plane, degrees: float) -> Plane:
        return cos * math.cos(degrees / DEGREES) + sin * math.sin(degrees / DEGREES)

    return (
        1.0 - 0.17 * turned(cos_1, sin_1, 30.0) + 0.24 * cos_2 + 0.32 * turned(cos_3, sin_3, -6.0)
        - 0.20 * turned(cos_4, sin_4, 63.0)
    )  # fmt: skip


def _mean_hue(hue_1: Plane, hue_2: Plane, is_grey: Flags) -> Plane:
    total = hue_1 + hue_2
    far = ops.abs(hue_1 - hue_2) > 180.0
    mean = ops.where(far, ops.where(total < 360.0, total + 360.0, total - 360.0), total) / 2.0
    return ops.where(is_grey, total, mean)


def _saturating(chroma: Plane) -> Plane:
    squared = chroma * chroma
    to_7th = squared * squared * squared * chroma
    return ops.sqrt(to_7th / (to_7th + POWER_25_7))


def _length(a: Plane, b: Plane) -> Plane:
    return ops.sqrt(a * a + b * b)


def _hue(a: Plane, b: Plane) -> Plane:
    """Degrees in 0..360; 0 for grey."""
    degrees = ops.arctan2(b, a) * DEGREES
    return ops.where(degrees < 0.0, degrees + 360.0, degrees)


def _sin(degrees: Plane) -> Plane:
    return ops.sin(degrees / DEGREES)


def _cos(degrees: Plane) -> Plane:
    return ops.cos(degrees / DEGREES)
