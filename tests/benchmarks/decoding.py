"""How fast a folder of photos is prepared: `python tests/benchmarks/decoding.py FOLDER`, by hand, on an idle machine.

The same files, in turns, so that a machine that changes its speed changes all: Pillow in one thread doing nothing but
decode and resize, our code in one thread (which also hashes, checks and keeps each photo), and our code on all cores.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from colorize.data import decode_pool
from colorize.data.decode_pool import DecodeJob, Rows, Settings, decode_all
from colorize.data.scan import hash_files, look_through

SETTINGS = Settings(128, 128, "center_crop", 16)
TURNS = 3


def main(folder: Path) -> None:
    """Prints photos per second of each turn, and the ratio of the medians."""
    tree = look_through(folder)
    with tempfile.TemporaryDirectory() as place:
        hash_files(tree, Path(place) / "hashes", lambda: None)
        files = [file for file in tree.files if file.sha256]
        jobs = [DecodeJob(str(folder / file.name), file.sha256, row) for row, file in enumerate(files)]
        shape = len(jobs), SETTINGS.height, SETTINGS.width, 3
        offset = np.lib.format.open_memmap(f"{place}/rows.npy", "w+", "uint8", shape).offset
        rows = Rows(f"{place}/rows.npy", offset)
        ways = {
            "Pillow, one thread": lambda: pillow_seconds(jobs),
            "ours, one thread": lambda: seconds(jobs, rows, 0),
            f"ours, {decode_pool.cores()} processes": lambda: seconds(jobs, rows, sys.maxsize),
        }
        rates = {name: [] for name in ways}
        for _ in range(TURNS):
            for name, measure in ways.items():
                rates[name].append(len(jobs) / measure())
    last = np.median(rates[name])
    for name, measured in rates.items():
        turns = ", ".join(f"{rate:,.0f}" for rate in measured)
        print(f"{name:<20} {turns} photos/s; all cores are {last / np.median(measured):.2f} x that")


def pillow_seconds(jobs: list[DecodeJob]) -> float:
    """What a loop over the files takes."""
    start = time.perf_counter()
    for job in jobs:
        with Image.open(job.path) as image:
            np.asarray(image.convert("RGB").resize((SETTINGS.width, SETTINGS.height), Image.Resampling.BILINEAR))
    return time.perf_counter() - start


def seconds(jobs: list[DecodeJob], rows: Rows, total_bytes: int) -> float:
    """Decodes everything, the start of the processes included; none is started for few bytes."""
    start = time.perf_counter()
    assert sum(1 for _ in decode_all(jobs, SETTINGS, rows, total_bytes)) == len(jobs)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
