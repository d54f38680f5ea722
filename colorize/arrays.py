"""Types of arrays by dtype and axes, checked under pytest (`tests/conftest.py`); elsewhere they are nothing but names.

They hold for arrays of NumPy, tensors of any backend, and Keras's symbolic ones. Axes of one name have one length in
all arguments and results of a call. In capitals: P any axes before the last, B photos, H rows, W columns, C channels;
h, w rows and columns of a feature map.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8, UInt16

Rgb = Shaped[Any, "*P 3"]
"""sRGB, uint8 in 0..255, or float in 0..1."""
RgbUint8 = UInt8[Any, "*P 3"]
RgbFloat = Float[Any, "*P 3"]
"""sRGB in 0..1, or linear light."""
Lab = Float[Any, "*P 3"]
"""L in 0..100, a and b in Lab units."""
Lightness = Float[Any, "*P 1"]
"""L in 0..100."""
Ab = Float[Any, "*P 2"]
"""a and b in Lab units."""
Plane = Float[Any, "*P"]
"""A number for each pixel."""
Flags = Bool[Any, "*P"]
BinOfPixel = Int[Any, "*P"]

RgbPhotos = UInt8[Any, "B H W 3"]
SomeOfThem = UInt8[Any, "N H W 3"]
Channels = Float[Any, "B H W C"]
BlurredChannels = Float[Any, "B H-10 W-10 C"]
"""The same, without the border of 5 pixels in which a window of 11 does not fit."""
LightnessPhotos = Float[Any, "B H W 1"]
AbPhotos = Float[Any, "B H W 2"]
PerPhoto = Float[Any, "B"]
"""A number for each photo."""
Features = Float[Any, "B h w C"]
"""A feature map."""
FeaturesOut = Float[Any, "B h w D"]
Output = Float[Any, "B H W D"]
"""The same, at another size."""
FeaturesToo = Float[Any, "B h w E"]
"""Feature maps with other channels."""
Sequences = Float[Any, "N T U"]
"""U units of T timesteps of N sequences."""
SequencesOut = Float[Any, "N T V"]
"""The same with other units."""
Vectors = Float[Any, "B E"]
Shares = Float[Any, "*P Q"]
"""What belongs to each of Q bins, at each pixel."""
Scalar = Float[Any, ""]
Pixels = UInt8[np.ndarray, "H W 3"]
"""A picture of NumPy's."""
PhotosInMemory = UInt8[np.ndarray, "B H W 3"]
StoredPhotos = UInt8[Any, "M S R 3"]
"""M photos as they are kept, of S rows and R columns; in memory, a memory map, or several (`data.shards.Shards`)."""
Indices = Int[np.ndarray, "B"]
DeepPixels = UInt16[np.ndarray, "H W C"]
DeepRgb = UInt16[np.ndarray, "H W 3"]
DeepPlane = UInt16[np.ndarray, "H W"]
"""The same of 16 bits; one channel of it."""
