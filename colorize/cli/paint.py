"""`python -m colorize paint`: photos and folders, many at a time; one that fails does not stop the others."""

import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from colorize.console import progress, say
from colorize.data.decode import without_warnings
from colorize.data.examples import write_examples
from colorize.data.groups import in_groups
from colorize.errors import LISTED, NotUsable, UserError, first_line, listed, printable
from colorize.hub import load_pipeline
from colorize.inference.jobs import Job, grid_of, plan_for
from colorize.inference.photo_files import read
from colorize.inference.remarks import HARDLY_A_COLOUR, LOST, NEARLY_GREY, lost
from colorize.inference.write_photo import write

PHOTOS_AT_ONCE, PIXELS_PER_GROUP = 32, 16_000_000
"""Photos that are in memory together, where they are small; and pixels, where they are large."""

AT_WORK = 4
"""Threads, each with such a chunk."""

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """How photos are painted, beside the model.

    Attributes:
        out: folder for them.
        compare: whether a comparison grid lies beside each: grey, painted, and the photo itself where it has colours.
        overwrite: whether files that are there already are replaced.
    """

    out: Path
    compare: bool
    overwrite: bool


class SomeFailed(UserError):
    """Photos that could not be painted, after all others were."""

    exit_status = 1


def paint(given: list[Path], options: Options, model: str | None, **how) -> None:
    """Paints photos into files of their own names and says where they are.

    Args:
        given: files and folders; none: the photos of scikit-image.
        model, how: as `load_pipeline`.
    Raises:
        UserError: nothing was painted, and why.
        SomeFailed: of some photos that could not be painted, after all others were.
    """
    if given:
        return _paint(given, options, model, **how)
    with tempfile.TemporaryDirectory(prefix="colorize-examples-") as place:
        print("no photo was given: these are four of scikit-image", flush=True)
        return _paint(write_examples(Path(place)), options, model, **how)


def _paint(given: list[Path], options: Options, model: str | None, **how) -> None:
    console = Console()
    with without_warnings():
        plan = plan_for(given, options.out)
    jobs, failures = plan.jobs, dict(plan.unreadable)
    if not options.overwrite:
        failures |= {job.source: f"{found} is there already" for job in jobs for found in _taken(job, options)}
    todo = [job for job in jobs if job.source not in failures]
    if not todo and jobs:
        raise UserError(f"all of these are in {options.out} already; to paint them again: --overwrite")
    pipeline = load_pipeline(model, **how)
    say(console, f"model     {pipeline.description}")
    if _is_jax():
        say(
            console,
            "JAX compiles before the first photo, which takes a minute; what can be kept is kept for the next time",
        )
    _tell(console, paint_jobs(pipeline, todo, options, failures), options)
    if plan.others:
        say(console, f"left out, as no photos by their names: {', '.join(plan.others)}")
    if failures:
        reasons = "".join(f"\n  {printable(str(source))}: {reason}" for source, reason in failures.items())
        again = "" if all(job in todo for job in jobs) else "\nTo paint again what is there already: --overwrite"
        total = len(jobs) + len(plan.unreadable)
        raise SomeFailed(f"{len(failures)} of {total} photos were not painted:{reasons}{again}")


def _is_jax() -> bool:
    """Whether the first photo waits for a compilation that takes its time."""
    import keras

    return keras.backend.backend() == "jax"


def _taken(job: Job, options: Options) -> list[Path]:
    """Files that painting it would replace."""
    targets = [job.target, *([grid_of(job.target)] if options.compare else [])]
    return [target for target in targets if target.exists()]


@dataclass(frozen=True)
class Outcome:
    """What became of a photo.

    Attributes:
        chroma: the mean that was predicted, Lab units.
        converted: what was done to it when it was read, in words.
    """

    chroma: float
    converted: tuple[str, ...]


def paint_jobs(pipeline, jobs: list[Job], options: Options, failures: dict[Path, str]) -> dict[Job, Outcome]:
    """Paints photos into their files.

    Args:
        pipeline: a `ColorizationPipeline`.
        failures: gets the reasons of those that cannot be painted.
    Returns:
        those that were painted.
    """
    one_large = threading.Lock()  # of photos that take much memory, one is painted at a time

    def paint_group(group: list[Job]) -> dict[Job, Outcome]:
        with one_large if sum(job.pixels for job in group) > PIXELS_PER_GROUP else nullcontext():
            return _paint_group(pipeline, group, options, failures)

    done: dict[Job, Outcome] = {}
    # While the network has one group, files of another are read and written.
    with without_warnings(), ThreadPoolExecutor(AT_WORK) as pool, progress("painting", len(jobs)) as advance:
        chunks = list(groups(jobs))
        for group, painted in zip(chunks, pool.map(paint_group, chunks)):
            done |= painted
            advance(len(group))
    return done


def groups(jobs: list[Job]) -> Iterator[list[Job]]:
    """Photos in chunks that fit into memory together; a large one alone."""
    return in_groups(jobs, lambda job: job.pixels, PHOTOS_AT_ONCE, PIXELS_PER_GROUP)


def _paint_group(pipeline, group: list[Job], options: Options, failures: dict[Path, str]) -> dict[Job, Outcome]:
    """As `paint_jobs`, for photos that are in memory together."""
    from colorize.inference.compare_grid import save_comparison_grid, small  # Keras

    photos = _each(lambda job: read(job.source), group, failures)
    before = _each(lambda job: small(photos[job].image), list(photos), failures) if options.compare else {}
    todo = list(before if options.compare else photos)
    try:
        painted = pipeline.paint_in_place(
            [photos[job].image for job in todo], canvases=[photos[job].canvas for job in todo]
        )
        chroma = dict(zip(todo, painted))
    except Exception:  # such as a lack of memory for one of them; what is painted twice keeps its lightness
        alone = lambda photo: pipeline.paint_in_place([photo.image], canvases=[photo.canvas])[0]  # noqa: E731
        chroma = _each(lambda job: alone(photos[job]), todo, failures)

    def finish(job: Job) -> None:
        write(photos[job], job.target)
        if options.compare:
            save_comparison_grid(before[job], photos[job].shown, grid_of(job.target))

    done = _each(finish, list(chroma), failures)
    return {job: Outcome(chroma[job], photos[job].converted) for job in done}


def _each(do: Callable[[Job], T], jobs: list[Job], failures: dict[Path, str]) -> dict[Job, T]:
    """Does something for each job; leaves out those that fail, and says why."""

    done: dict[Job, T] = {}
    for job in jobs:
        try:
            done[job] = do(job)
        except NotUsable as error:
            failures[job.source] = str(error)
        except OSError as error:
            failures[job.source] = f"{job.target} cannot be written: {error.strerror or error}"
        except Exception as error:  # Pillow lets many kinds through where a file lies; the others are painted
            failures[job.source] = f"{type(error).__name__}: {first_line(error)}"
    return done


def _tell(console: Console, painted: dict[Job, Outcome], options: Options) -> None:
    done = list(painted)
    grey = [job.source.name for job in done if painted[job].chroma < HARDLY_A_COLOUR]
    for job in done[:LISTED]:
        say(console, printable(str(job.target)))
    if len(done) > LISTED:
        say(console, f"... and {len(done) - LISTED} more in {options.out}")
    lost_by = {job: lost(painted[job].converted) for job in done}
    for had in LOST.values():
        found = [job.source.name for job in done if had in lost_by[job]]
        if found:
            say(console, f"{len(found)} had {had}: {listed(found)}")
    if grey:
        say(console, f"{len(grey)} {NEARLY_GREY}: {listed(grey)}")
