"""Four photos that come with scikit-image: something to paint for who has no photo at hand."""

from pathlib import Path

from PIL import Image
from skimage import data

from colorize.arrays import Pixels

EXAMPLES = {"astronaut": data.astronaut, "cat": data.chelsea, "coffee": data.coffee, "rocket": data.rocket}
"""Name -> function that returns the photo, uint8 RGB (H, W, 3)."""


def example_photos() -> list[Pixels]:
    """All of them."""
    return [read() for read in EXAMPLES.values()]


def write_examples(folder: Path) -> list[Path]:
    """Writes them into a folder, as PNG files of their names."""
    paths = {name: folder / f"{name}.png" for name in EXAMPLES}
    for name, path in paths.items():
        Image.fromarray(EXAMPLES[name]()).save(path)
    return list(paths.values())
