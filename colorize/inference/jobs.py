"""Which photos are meant, and which files they are painted into; neither Keras nor a model."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from PIL import Image

from colorize.data.formats import endings, known_formats
from colorize.data.scan import HIDDEN, look_through
from colorize.errors import UserError, listed
from colorize.inference.write_photo import WRITTEN
from colorize.runs.atomic import with_ending

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


@dataclass
class Plan:
    """What is to be painted, and what of the folders that were given is not.

    Attributes:
        jobs: the photos.
        unreadable: files and folders that cannot be read, and why.
        others: of files that are no photos by their names, how many there are of each kind and what some are called.
    """

    jobs: list[Job] = field(default_factory=list)
    unreadable: dict[Path, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)


def plan_for(given: Iterable[Path], out: Path) -> Plan:
    """The photos that files and folders name; those of a folder keep their places in it.

    Raises:
        UserError: one does not exist, a folder has no photo, a photo would be painted over itself, or two into one.
    """
    plan = Plan()
    targets: dict[Path, Job] = {}
    places = [place for path in given for place in _places(path, out, plan)]
    formats = {source: _header(source) for source, _ in places}
    # Those that keep their names come first: another takes a name that is left.
    for source, place in sorted(places, key=lambda pair: formats[pair[0]][0] not in WRITTEN):
        name, pixels = formats[source]
        target = out / place
        if name and name not in WRITTEN:
            target = _free(target, source, targets)
        if target.exists() and target.resolve() == source.resolve():
            raise UserError(f"{target} would replace the photo itself; choose another folder for --out")
        other = targets.setdefault(target, Job(source, target, pixels)).source
        if other.resolve() != source.resolve():
            raise UserError(
                f"{other} and {source} have the same name and would be painted into one file; paint them into two"
                " folders"
            )
    order = {source: number for number, (source, _) in reversed(list(enumerate(places)))}  # as it was named first
    plan.jobs = sorted(targets.values(), key=lambda job: order[job.source])
    return plan


def _places(path: Path, out: Path, plan: Plan) -> list[tuple[Path, Path]]:
    """The photos that a path names, and the places of their painted ones below `out`."""
    if not path.exists():
        raise UserError(f"there is no photo {path}")
    if not path.is_dir():
        if not path.is_file():
            raise UserError(f"{path} is no file but a pipe or a device; save what it gives into a file, and name that")
        return [(path, Path(path.name))]
    tree = look_through(path, without=out if out.resolve() != path.resolve() else None)
    plan.unreadable |= {path / file.name: file.problem for file in tree.files if file.problem}
    kinds = [(kind, number) for kind, number in sorted(tree.ignored.items()) if kind != HIDDEN]
    plan.others += [f"{number:,} {kind} ({listed(sorted(tree.examples[kind]))})" for kind, number in kinds]
    found = [Path(file.name) for file in tree.files if not file.problem and not file.name.endswith(GRID_ENDING)]
    if not found and not plan.unreadable:
        raise UserError(f"{path} has no photos; their names end in {' '.join(sorted(endings()))}")
    return [(path / place, place) for place in found]


def _header(source: Path) -> tuple[str, int]:
    """The format of a photo, empty where it is not known, and its pixels."""
    try:
        with Image.open(source, formats=known_formats()) as image:
            return image.format or "", image.width * image.height
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return "", 0


def _free(target: Path, source: Path, targets: dict[Path, Job]) -> Path:
    """The name of a painted photo whose format is not written: behind its own `.png`, or `.1.png` if that is taken."""
    names = (target.with_name(painted_name(target.name, "", number)) for number in count())
    return next(name for name in names if name not in targets or targets[name].source.resolve() == source.resolve())


def painted_name(name: str, image_format: str, number: int = 0) -> str:
    """What the painted photo is called: as the photo, and `.png` behind it where its format is not written."""
    return name if image_format in WRITTEN else with_ending(name, f"{f'.{number}' if number else ''}.png")


def grid_of(target: Path) -> Path:
    """The comparison that lies beside a painted photo."""
    return target.with_name(with_ending(target.name, GRID_ENDING))
