"""ReNet: GRUs whose timesteps are single positions.

Legend: B batch, h w rows and columns of the feature map, C its channels, U units of one direction.
"""

import keras
from keras import layers, ops

from colorize.arrays import Features, FeaturesOut
from colorize.config.fusion import PixelGru
from colorize.config.registry import builds
from colorize.models.fusion.bidirectional_gru import bidirectional_gru
from colorize.models.fusion.controls import beside
from colorize.models.graph import TIMESTEP, with_axes

AXES = {
    "columns": ("batch", "row", f"{TIMESTEP}column", "feature = unit"),
    "rows": ("batch", f"{TIMESTEP}row", "column", "feature = unit"),
}
"""What is a timestep -> the axes of a map whose positions were read along it."""


@builds(PixelGru)
def pixel_gru(config: PixelGru, features: Features) -> FeaturesOut:
    """Along each row, left to right and back; then along each column of that, down and up (Visin et al. 2015, sec. 2).

    After both, every position has heard of every other one. The weights fit a map of any size.
    """
    stream = features
    layers_in_order = (("columns", config.units), ("rows", config.column_units))
    for number, (along, units) in enumerate(layers_in_order, start=1):
        directions = with_axes(LineGru(units, along, name=f"gru{number}"), *AXES[along])(stream)
        stream = layers.Concatenate(name=f"gru{number}_concatenate")(directions)  # (B, h, w, 2 U)
    return beside(features, layers.Dense(config.channels, name="project_units")(stream))


@keras.saving.register_keras_serializable("colorize")
class LineGru(keras.Layer):
    """One bidirectional GRU that reads every line of a map by itself: the lines share its weights and nothing else.

    Args:
        units: U.
        along: what is a timestep: `columns` reads along each row, `rows` along each column.
    Call arguments:
        features: (B, h, w, C); h and w are known.
    Returns:
        the forward and the backward half, (B, h, w, U) each, in the order of the map.
    """

    def __init__(self, units: int, along: str, **kwargs):
        super().__init__(**kwargs)
        self.units, self.along = units, along
        self.both = bidirectional_gru(units, "both")

    @property
    def forward_layer(self):
        """The GRU that reads with the order of the map."""
        return self.both.forward_layer

    @property
    def backward_layer(self):
        """The GRU that reads against it."""
        return self.both.backward_layer

    def build(self, shape):
        """Builds the GRU for C features."""
        self.both.build((None, None, shape[-1]))

    def call(self, features: Features) -> list[FeaturesOut]:
        """Lines go to the batch axis and come back."""
        turned = ops.transpose(features, (0, 2, 1, 3)) if self.along == "rows" else features
        _, lines, timesteps, channels = turned.shape
        directions = self.both(ops.reshape(turned, (-1, timesteps, channels)))  # (B * lines, T, U) twice
        maps = [ops.reshape(one, (-1, lines, timesteps, self.units)) for one in directions]
        return [ops.transpose(m, (0, 2, 1, 3)) if self.along == "rows" else m for m in maps]

    def get_config(self):
        """The arguments."""
        return {**super().get_config(), "units": self.units, "along": self.along}
