"""A colorizer whose colours say where they come from."""

import numpy as np
from skimage import color as reference


class Telltale:
    """Stands for a colorizer: it gives each cell its row and column as ab, and remembers what it was shown."""

    class network:
        inputs = [np.zeros((1, 16, 32, 1))]

    def predict_on_batch(self, rgb):
        self.shown = rgb
        rows, columns = np.mgrid[:16, :32].astype("float32")
        return np.broadcast_to(np.stack([rows, columns], -1), (*rgb.shape[:3], 2))


def colours_of(painted) -> np.ndarray:
    return reference.rgb2lab(np.asarray(painted))[..., 1:]
