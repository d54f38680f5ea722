"""The whole of painting at the model's size as one graph: uint8 RGB in, uint8 RGB out, Lab and back inside."""

import keras
from keras import ops

from colorize.color import compose_in_gamut, rgb_to_lightness
from colorize.compat import flat_layers
from colorize.inference.predict import size_of
from colorize.models.colorizer import Colorizer


def painting_graph(colorizer: Colorizer, mirror: bool, photos: int | None = None) -> keras.Model:
    """Builds the graph, (B, h, w, 3) uint8 -> the same, with the weights of the colorizer.

    Args:
        mirror: whether colours are the mean of the photo's own and of its mirror image's.
        photos: B, where a format wants it fixed; its recurrent layers are written out step by step then.
    """
    if photos:
        for layer in flat_layers(colorizer.network):
            if isinstance(layer, keras.layers.RNN):
                layer.unroll = True  # a loop over a list of tensors is no operation of LiteRT's
    rgb = keras.Input(batch_shape=(photos, *size_of(colorizer), 3), dtype="uint8", name="rgb")
    ab = colorizer.call(rgb)
    if mirror:
        ab = (ab + ops.flip(colorizer.call(ops.flip(rgb, axis=2)), axis=2)) / 2
    return keras.Model(rgb, compose_in_gamut(rgb_to_lightness(rgb), ab), name="colorize")
