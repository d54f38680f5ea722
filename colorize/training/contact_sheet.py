"""One picture of a training: a row per photo, and in it grey, what was painted at some epochs, and the photo itself."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from colorize.data.decode import resize
from colorize.image_grid import GAP, colorize_lightness, in_grey

MOST_COLUMNS = 10
"""Epochs that are shown; of more, as many at equal distances, the first and the last among them."""

SIDE = 160
"""Pixels of the longer side of a photo; of smaller ones, their own."""

HEADER = 18
"""Pixels of the line above, which names the columns."""


class ContactSheet:
    """Keeps what was painted at each epoch in a folder beside the sheet, so that a run that goes on has it all.

    Args:
        path: of the sheet, PNG.
    """

    def __init__(self, path: Path):
        self.path, self.folder = path, path.with_suffix("")

    def add(self, epoch: int, rgb: np.ndarray, ab: np.ndarray) -> None:
        """Adds an epoch and writes the sheet anew.

        Args:
            rgb: the photos, uint8 (N, H, W, 3), the same each time.
            ab: predicted, (N, H, W, 2) in Lab units.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        _column(colorize_lightness(rgb, ab)).save(self.folder / f"{epoch:05}.png")
        truth, painted = _column(rgb), {}
        for path in self._shown():
            with Image.open(path) as column:
                if column.size == truth.size:  # another number of photos was asked for before
                    painted[f"epoch {int(path.stem)}"] = column.convert("RGB")
        columns = {"grey": _column(in_grey(rgb)), **painted, "truth": truth}
        sheet(columns).save(self.path)

    def _shown(self) -> list[Path]:
        paths = sorted(self.folder.glob("*.png"))
        chosen = np.linspace(0, len(paths) - 1, min(MOST_COLUMNS, len(paths)))
        return [paths[i] for i in np.unique(chosen.round().astype(int))]


def _column(rgb: np.ndarray) -> Image.Image:
    """Photos (N, H, W, 3) below each other."""
    height, width = rgb.shape[1:3]
    if max(height, width) > SIDE:
        small = round(height * SIDE / max(height, width)), round(width * SIDE / max(height, width))
        rgb = np.stack([np.asarray(resize(Image.fromarray(photo), *small)) for photo in rgb])
    gap = np.full((len(rgb), GAP, *rgb.shape[2:]), 255, "uint8")
    return Image.fromarray(np.concatenate([rgb, gap], axis=1).reshape(-1, *rgb.shape[2:]))


def sheet(columns: dict[str, Image.Image]) -> Image.Image:
    """Columns of one size beside each other, each below its name."""
    width, height = next(iter(columns.values())).size
    picture = Image.new("RGB", (len(columns) * (width + GAP) - GAP, HEADER + height - GAP), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=12)
    for number, (name, column) in enumerate(columns.items()):
        left = number * (width + GAP)
        short = name if font.getlength(name) <= width else name.removeprefix("epoch ")
        draw.text((left, 1), short, fill="black", font=font)
        picture.paste(column, (left, HEADER))
    return picture
