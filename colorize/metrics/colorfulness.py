"""How colourful a picture is: one name in the field for two numbers."""

from keras import ops

from colorize.arrays import PerPhoto, Plane, RgbPhotos


def colorfulness(rgb: RgbPhotos) -> tuple[PerPhoto, PerPhoto]:
    """Colorfulness of each picture (Hasler and Suesstrunk 2003, section 7).

    With rg = R - G and yb = (R + G) / 2 - B over the pixels: sqrt(var rg + var yb) + 0.3 sqrt(mean rg^2 + mean yb^2).
    0 is grey; the authors call 15 slightly, 33 moderately, 59 quite and 109 extremely colourful.

    Args:
        rgb: 0..255, (B, H, W, 3).
    Returns:
        float32 (B,): the paper's number.
        float32 (B,): that of DDColor, CT2 and UniColor, who take |rg| and |yb| first; never larger.
    """
    red, green, blue = ops.unstack(ops.cast(rgb, "float32"), 3, axis=-1)
    rg, yb = red - green, (red + green) / 2.0 - blue
    return _spread(rg, yb), _spread(ops.abs(rg), ops.abs(yb))


def _spread(rg: Plane, yb: Plane) -> PerPhoto:
    axes = (1, 2)
    variance = ops.var(rg, axis=axes) + ops.var(yb, axis=axes)
    shift = ops.mean(rg, axis=axes) ** 2 + ops.mean(yb, axis=axes) ** 2
    return ops.sqrt(variance) + 0.3 * ops.sqrt(shift)
