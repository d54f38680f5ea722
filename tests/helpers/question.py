"""The wiring of the question of 2018, as Keras 3 accepts it."""

import keras
from keras import layers

from colorize.config.model import RegressionHead
from colorize.models.colorizer import Network
from colorize.models.graph import stages_of, with_axes
from colorize.models.heads import Regression

SIZES = [(32, 32), (24, 32)]


def questions_network(height: int, width: int) -> tuple[Network, dict]:
    """The wiring of the question of 2018, as Keras 3 accepts it, from bare GRUs; docs/timesteps.md lists its faults."""
    picture = keras.Input((height, width, 1))
    features = layers.Conv2D(16, 3, padding="same", activation="relu", name="encoder_conv")(picture)
    units = width // 2  # it worked only because 2 x units was the width
    rows = ("batch", "timestep = row", "feature")
    sequence = with_axes(layers.Reshape((height, width * 16), name="to_sequence"), *rows)(features)

    def gru(name, inputs, **options):
        return layers.GRU(units, kernel_initializer="he_normal", name=name, **options)(inputs)

    gru1 = gru("gru1", sequence)
    gru1_b = gru("gru1_b", sequence, return_sequences=True, go_backwards=True)
    # In 2018 this add failed; Keras 3 broadcasts (B, units) over (B, T, units), without a word.
    merged = layers.Add(name="merge1")([gru1, gru1_b])
    gru2 = gru("gru2", merged, return_sequences=True)
    gru2_b = gru("gru2_b", merged, return_sequences=True, go_backwards=True)
    joined = layers.Concatenate(name="merge2")([gru2, gru2_b])
    sequence_map = layers.Reshape((height, width, 1), name="to_map")(joined)
    fused = layers.Concatenate(name="fuse")([features, sequence_map])
    tensors = {
        "features": sequence,
        "forward": layers.Subtract()([merged, gru1_b]),  # what each row of merge1 gets of the forward GRU
        "backward": gru1_b,
        "merged": merged,
        "fused": fused,
    }
    stages = stages_of({"encoder": [features], "fusion": [fused]}, [picture])
    return Network(
        keras.Model(picture, fused), stages, fused, head=Regression(RegressionHead(name="regression"))
    ), tensors
