"""How fast and in how much memory many small photos are prepared, and how soon training has its first batch.

python tests/benchmarks/prepare.py PHOTOS PLACE [NUMBER [ENGINE...]]: NUMBER (200,000) JPEGs of 64 x 64 pixels are cut
out of those in a folder, prepared by each engine (local, ray), and opened for training.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from colorize.config.base import PROJECT

SIDE = 64
FIRST_BATCH = """
import time
start = time.perf_counter()
import sys
from colorize.config.compose import composed
from colorize.data.batches import Batches
from colorize.data.load import read_dataset
data = composed(sys.argv[1:]).data
batches = Batches(read_dataset(data).train, data.height, data.width, 64, data.augmentation, 1)
batches.batch(0)
first = time.perf_counter() - start
start = time.perf_counter()
for step in range(100):
    batches.batch(step)
print(f"first batch of 64 after {first:.2f} s, {6400 / (time.perf_counter() - start):,.0f} photos/s then")
"""


def main(photos: Path, place: Path, number: int, engines: list[str]) -> None:
    """Prints a line for each measurement."""
    small = place / "small"
    if not small.exists():
        cut(sorted(photos.rglob("*.jpg")), small, number)
    size = ["data.height=64", "data.width=64"]
    for engine in engines:
        out = place / engine
        command = ["-m", "colorize", "prepare", f"data.root={small}", *size, f"data.engine={engine}", "--out", str(out)]
        seconds, memory = timed(command)
        print(
            f"{engine}: {number / seconds:,.0f} photos/s, {seconds:.0f} s, {memory / 1e6:,.0f} MB at most", flush=True
        )
        seconds, _ = timed(command)
        print(f"{engine}: again, nothing to do: {seconds:.0f} s", flush=True)
        prepared = ["data=prepared", f"data.root={out}", *size]
        print(
            f"{engine}: {subprocess.check_output([sys.executable, '-c', FIRST_BATCH, *prepared], text=True)}",
            flush=True,
        )
    folder = ["data=folder", f"data.root={small}", *size, f"data.cache={place / 'cache'}"]
    for turn in ("first", "second"):
        told = subprocess.check_output([sys.executable, "-c", FIRST_BATCH, *folder], text=True)
        print(f"data=folder, {turn} start: {told}", flush=True)


def cut(files: list[Path], folder: Path, number: int) -> None:
    """Random crops of photos, each a JPEG in one of some folders."""
    rng = np.random.default_rng(0)
    for count in range(number):
        if count % 100 == 0:
            image = Image.open(files[count // 100 % len(files)]).convert("RGB")
        left, top = rng.integers(0, [image.width - 33, image.height - 33])
        path = folder / f"{count // 1000:04}" / f"{count:07}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.resize((SIDE, SIDE), box=(left, top, left + 32, top + 32)).save(path, quality=85)


def timed(arguments: list[str]) -> tuple[float, int]:
    """Seconds of a command, and most memory of it and its children at once, in bytes (proportional set size)."""
    start, most = time.perf_counter(), [0]
    process = subprocess.Popen([sys.executable, *arguments], cwd=PROJECT, stdout=subprocess.DEVNULL)

    def watch() -> None:
        while process.poll() is None:
            try:
                of_all = [process_of, *process_of.children(recursive=True)]
                most[0] = max(most[0], sum(each.memory_full_info().pss for each in of_all))
            except psutil.Error:
                pass
            time.sleep(0.5)

    process_of = psutil.Process(process.pid)
    threading.Thread(target=watch, daemon=True).start()
    if process.wait():
        raise SystemExit(process.returncode)
    return time.perf_counter() - start, most[0]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int((sys.argv[3:4] or ["200000"])[0]), sys.argv[4:] or ["local", "ray"])
