"""README's pictures, by the model in the box: `python tests/helpers/readme_pictures.py FOLDER_OF_HISTORIC_PHOTOS`."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from colorize.config.base import PROJECT
from colorize.data.monochrome import is_grey
from colorize.hub import load_pipeline

PICTURES = PROJECT / "data" / "pictures"
HEIGHT, COLUMNS, GAP = 190, 2, 6


def painted(folder: Path) -> Image.Image:
    """A comparison grid of each photo, all of one height: grey, painted, and the photo where it has colours."""
    from colorize.image_grid import in_grey

    pipeline = load_pipeline(None, None, "guided", None, None)
    photos = [Image.fromarray(getattr(data, name)()) for name in ("astronaut", "chelsea", "coffee", "rocket")]
    photos += [Image.open(path).convert("RGB") for path in sorted(folder.iterdir()) if path.suffix == ".jpg"]
    grids = []
    for photo in photos:
        rgb = np.asarray(photo)
        grey = Image.fromarray(in_grey(rgb))
        grids.append(row([grey, pipeline.paint(photo), *([] if is_grey(rgb) else [photo])]))
    return grid(grids)


def shapes() -> Image.Image:
    """What the network sees of a square photo and what becomes of it, padded and squashed."""
    from colorize.inference.predict import framed

    rows = []
    for resize_mode in ("reflect_pad", "stretch"):
        pipeline = load_pipeline(None, resize_mode, "bilinear", None, None)
        seen, _ = framed(Image.fromarray(data.astronaut()), *pipeline.size, resize_mode)
        rows += [Image.fromarray(seen), pipeline.paint(data.astronaut())]
    return row(rows)


def row(pictures: list[Image.Image]) -> Image.Image:
    """Pictures side by side at one height."""
    small = [picture.resize((max(1, round(HEIGHT * picture.width / picture.height)), HEIGHT)) for picture in pictures]
    return pasted(small, lambda place, picture: (place[0] + picture.width + GAP, 0))


def grid(grids: list[Image.Image]) -> Image.Image:
    """Pictures in lines, as wide as they come."""
    lines = [grids[start : start + COLUMNS] for start in range(0, len(grids), COLUMNS)]
    wide = [pasted(line, lambda place, picture: (place[0] + picture.width + 4 * GAP, 0)) for line in lines]
    return pasted(wide, lambda place, picture: (0, place[1] + picture.height + GAP))


def pasted(pictures: list[Image.Image], after) -> Image.Image:
    """Pictures on white, each where `after` puts it behind the one before."""
    places = [(0, 0)]
    for picture in pictures[:-1]:
        places.append(after(places[-1], picture))
    width = max(x + picture.width for (x, _), picture in zip(places, pictures))
    height = max(y + picture.height for (_, y), picture in zip(places, pictures))
    canvas = Image.new("RGB", (width, height), "white")
    for place, picture in zip(places, pictures):
        canvas.paste(picture, place)
    return canvas


if __name__ == "__main__":
    painted(Path(sys.argv[1])).save(PICTURES / "painted.jpg", quality=88)
    shapes().save(PICTURES / "fit.jpg", quality=88)
