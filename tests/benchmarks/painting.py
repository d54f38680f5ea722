"""What painting costs: `python tests/benchmarks/painting.py MODEL [--photos 1000] [--megapixels 100]`.

In one process: a folder of small photos painted by the command, which takes many together, and one by one. How far the
colours of four photos of scikit-image are from the truth if all that was lost is their resolution: their own ab, made
small and brought up again, bilinearly and guided. And the memory that one large photo takes, beside four bytes for each
of its pixels (in processes of their own).
"""

import argparse
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data
from skimage.color import rgb2lab

from colorize.cli.paint import Options, paint_jobs
from colorize.config.base import PROJECT
from colorize.data.decode import without_warnings
from colorize.hub import load_pipeline
from colorize.inference.jobs import plan_for
from colorize.inference.photo_files import read, write
from colorize.inference.predict import resized
from colorize.inference.upsampling import Bilinear, Guided

SMALL = 160, 120
TURNS = 3


def folder_of(place: Path, photos: int) -> Path:
    """Small JPEGs, made of the photos of the project."""
    folder = place / "photos"
    folder.mkdir()
    files = sorted((PROJECT / "data" / "sample").rglob("*.jpg"))
    for number in range(photos):
        with Image.open(files[number % len(files)]) as image:
            image.resize(SMALL).save(folder / f"{number:04d}.jpg", quality=90)
    return folder


def seconds_together(pipeline, folder: Path, out: Path) -> float:
    """As the command does it."""
    start, failures = time.perf_counter(), {}
    paint_jobs(pipeline, plan_for([folder], out).jobs, Options(out, compare=False, overwrite=False), failures)
    assert not failures, failures
    return time.perf_counter() - start


def seconds_one_by_one(pipeline, folder: Path, out: Path) -> float:
    """Read, painted and written, each before the next."""
    start = time.perf_counter()
    with without_warnings():
        for job in plan_for([folder], out).jobs:
            photo = read(job.source)
            photo.image = pipeline.paint(photo.image)
            write(photo, job.target)
    return time.perf_counter() - start


def upsampling_errors(size: tuple[int, int]) -> dict[str, list[float]]:
    """ab RMSE, Lab units, of each photo, by the way that its ab is brought up from (rows, columns)."""
    errors: dict[str, list[float]] = {"bilinear": [], "guided": []}
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        lab = rgb2lab(getattr(data, name)()).astype("float32")
        small = resized(lab, size[::-1])
        full, ab = lab.shape[1::-1], small[..., 1:]
        for way, colours in (("bilinear", Bilinear(ab, full)), ("guided", Guided(ab, small[..., 0], full))):
            brought_up = colours.band(0, len(lab), lab[..., 0])
            errors[way].append(float(np.sqrt(np.mean((brought_up - lab[..., 1:]) ** 2))))
    return errors


def memory_of(model: str, megapixels: int) -> float:
    """MiB at most, of a process that paints a JPEG of so many megapixels (0: only loads the model)."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "large.jpg"
        if megapixels:
            height = int((megapixels * 1e6 / 2) ** 0.5)
            Image.effect_noise((2 * height, height), 60).save(path, quality=80)
        context = multiprocessing.get_context("spawn")
        queue = context.Queue()
        process = context.Process(target=_measured, args=(model, path, queue))
        process.start()
        found = queue.get()
        process.join()
    return found


def _measured(model: str, path: Path, queue) -> None:
    pipeline = load_pipeline(model, None, "bilinear", None, None)
    pipeline.paint(np.zeros((64, 64, 3), "uint8"))
    if path.exists():
        with without_warnings():
            photo = read(path)
        pipeline.paint_in_place([photo.image])
        write(photo, path.with_name("painted.jpg"))
    unit = 1 if sys.platform == "darwin" else 1024
    queue.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20)


def main() -> None:
    """Prints seconds, their ratio, and the memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--megapixels", type=int, default=100)
    options = parser.parse_args()
    pipeline = load_pipeline(options.model, None, "bilinear", None, None)
    ways = {"one by one": seconds_one_by_one, "together": seconds_together}
    taken = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as place:
        folder = folder_of(Path(place), options.photos)
        for turn in range(1 + TURNS):  # the first compiles
            for name, measure in ways.items():
                seconds = measure(pipeline, folder, Path(place) / f"{name} {turn}")
                taken[name] += [seconds] * (turn > 0)
    alone, together = [statistics.median(times) for times in taken.values()]
    print(f"{options.photos} photos: one by one {alone:.1f} s, together {together:.1f} s, {alone / together:.1f} x")
    for way, errors in upsampling_errors(pipeline.size).items():
        print(f"{way}: ab RMSE {' '.join(f'{error:.2f}' for error in errors)}, mean {np.mean(errors):.2f}")
    base = memory_of(options.model, 0)
    for megapixels in (options.megapixels // 4, options.megapixels):
        used = memory_of(options.model, megapixels) - base
        beside = used - 4 * megapixels * 1e6 / 2**20
        print(
            f"{megapixels} megapixels: {used:.0f} MiB on top of the model's {base:.0f}; {beside:.0f} without the pixels"
        )


if __name__ == "__main__":
    main()
