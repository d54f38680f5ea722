"""Which photos are meant, and which files they are painted into; neither Keras nor a model."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from colorize.errors import UserError
from colorize.inference.photo_files import READ, WRITTEN

ENDINGS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".jp2", ".j2k", ".ppm",
    ".pgm", ".pbm", ".pnm", ".tga", ".avif", ".ico", ".pcx", ".sgi", ".qoi",
)  # fmt: skip
"""Of files that are looked for in folders."""


GRID_ENDING = ".compare.png"
"""Behind the name of a photo, its comparison; in folders these are passed over."""


@dataclass(frozen=True)
class Job:
    """A photo and the file that it is painted into.

    Attributes:
        pixels: what the header says; 0 where it says nothing, of which `read` will tell more.
    """

    source: Path
    target: Path
    pixels: int


def jobs_for(given: Iterable[Path], out: Path) -> list[Job]:
    """The photos that files and folders name; those of a folder keep their places in it.

    Raises:
        UserError: one does not exist, a folder has no photo, a photo would be painted over itself, or two into one.
    """
    jobs: dict[Path, Job] = {}
    for path in given:
        for source, place in _named(path, out):
            job = _job(source, out / place)
            other = jobs.setdefault(job.target, job)
            if job.target.exists() and job.target.resolve() == source.resolve():
                raise UserError(f"{job.target} would replace the photo itself; choose another folder for --out")
            if other.source.resolve() != source.resolve():
                raise UserError(
                    f"{other.source} and {source} have the same name and would be painted into one file; paint them"
                    " into two folders"
                )
    return list(jobs.values())


def _named(path: Path, out: Path) -> list[tuple[Path, Path]]:
    """The photos that a path names, and the places of their painted ones below `out`."""
    if not path.exists():
        raise UserError(f"there is no photo {path}")
    if not path.is_dir():
        return [(path, Path(path.name))]
    below = out.resolve() if path.resolve() in out.resolve().parents else None  # what was painted is not painted again
    found = [file for file in _photos_below(path) if not (below and file.resolve().is_relative_to(below))]
    if not found:
        raise UserError(f"{path} has no photos; their names end in {' '.join(ENDINGS)}")
    return [(file, file.relative_to(path)) for file in found]


def _job(source: Path, target: Path) -> Job:
    try:
        with Image.open(source, formats=READ) as image:
            return Job(source, target.with_name(painted_name(target.name, image.format)), image.width * image.height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return Job(source, target, 0)


def painted_name(name: str, image_format: str | None) -> str:
    """What the painted photo is called: as the photo, and `.png` behind it where its format is not written."""
    return name if image_format in WRITTEN else f"{name}.png"


def _photos_below(folder: Path) -> list[Path]:
    return sorted(
        Path(place) / name
        for place, _, names in os.walk(folder)
        for name in names
        if Path(name).suffix.lower() in ENDINGS and not name.startswith(".") and not name.endswith(GRID_ENDING)
    )


def grid_of(target: Path) -> Path:
    """The comparison that lies beside a painted photo."""
    return target.with_name(f"{target.name}{GRID_ENDING}")
