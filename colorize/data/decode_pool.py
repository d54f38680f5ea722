"""From a file to the uint8 row of the cache, in processes of their own: Pillow holds Python's lock on small photos."""

import hashlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock
from pebble import ProcessExpired, ProcessFuture, ProcessPool

from colorize.arrays import Pixels
from colorize.data.decode import centred_box, decode, resize
from colorize.data.monochrome import Tone, is_grey, tone_of
from colorize.data.remote import PhotoPath, RemotePath, read_each
from colorize.data.scan import LARGEST_FILE, TOO_LARGE
from colorize.data.srgb import Picture
from colorize.errors import NotUsable, PlugInMissing, UserError

CHUNK, CHUNK_BYTES = 64, 2**25
"""Photos handed to a process at a time; and bytes, so that large ones are done within the time below."""

IN_PROCESS_BYTES = 16_000_000
"""Below so many bytes in all, starting processes would take longer than decoding."""

PHOTO_SECONDS = 300.0
"""A process that is not done in so long ends, and its photos are tried one by one: a network drive that no longer
answers, a decoder that never ends."""

MOST_HUNG = 3
"""After so many such photos, none but them, preparing ends: each costs that time."""


class DecodeJob(NamedTuple):
    """A file to decode: where it is, the SHA-256 that it had when it was looked at, and the row that it is kept in."""

    path: PhotoPath
    sha256: str
    row: int


class Rows(NamedTuple):
    """The file that rows are written into, by whichever process has them: where it is and where row 0 begins."""

    path: str
    first_byte: int

    def write(self, first_row: int, pixels: np.ndarray) -> None:
        """Writes (N, ...). As to a file: pages of a map would count as this process's memory."""
        with open(self.path, "r+b") as file:
            file.seek(self.first_byte + first_row * pixels[0].nbytes)
            file.write(pixels.data)


class Settings(NamedTuple):
    """What the pixels of a row depend on, beside the file."""

    height: int
    width: int
    resize_mode: str
    min_side_pixels: int


@dataclass(slots=True)
class Decoded:
    """What became of a file.

    Attributes:
        reason: why it is rejected; empty where it is used.
        passing: whether the reason may be gone next time, so that it must not be remembered.
        pixels_sha256: of the row, by which one photo in two files is known.
        grey: whether red, green and blue are equal everywhere.
        tone: how much colour it has.
    """

    sha256: str
    reason: str = ""
    passing: bool = False
    converted: tuple[str, ...] = ()
    format: str = ""
    width: int = 0
    height: int = 0
    grey: bool = False
    tone: Tone = Tone(0.0, False)
    pixels_sha256: str = ""

    @classmethod
    def of_json(cls, values: dict[str, Any]) -> "Decoded":
        """From what JSON makes of one."""
        return cls(**{**values, "converted": tuple(values["converted"]), "tone": Tone(**values["tone"])})


def decode_file(
    job: DecodeJob, settings: Settings, lock=None, content: bytes | OSError | None = None
) -> tuple[Decoded, Pixels | None]:
    """Reads, checks, converts and resizes one file: what became of it, and uint8 (H, W, 3) where it is used.

    Args:
        lock: for `decode.decode`.
        content: of the file, or why it could not be read; None: it is read here.
    """
    result = Decoded(job.sha256)
    try:
        picture = decode(_read(job, content), (settings.height, settings.width), lock)
        result.converted, result.format = picture.converted, picture.format
        result.width, result.height = picture.size
        if min(picture.size) < settings.min_side_pixels:
            side = settings.min_side_pixels
            raise NotUsable(f"{result.width} x {result.height} pixels: a side is shorter than {side}")
        pixels = _fitted(picture, settings)
    except (NotUsable, ValueError) as error:
        result.reason, result.passing = str(error), isinstance(error, PlugInMissing)
        return result, None
    except (OSError, MemoryError) as error:
        result.reason, result.passing = f"cannot be read: {getattr(error, 'strerror', None) or 'out of memory'}", True
        return result, None
    result.grey, result.tone = is_grey(pixels), tone_of(pixels)
    result.pixels_sha256 = hashlib.sha256(pixels.data).hexdigest()
    return result, pixels


def _read(job: DecodeJob, content: bytes | OSError | None) -> bytes:
    if isinstance(content, OSError):
        raise content
    if content is None:
        with open(str(job.path), "rb") as file:
            if os.fstat(file.fileno()).st_size > LARGEST_FILE:
                raise NotUsable(TOO_LARGE)
            content = file.read()
    if len(content) > LARGEST_FILE:
        raise NotUsable(TOO_LARGE)
    if hashlib.sha256(content).hexdigest() != job.sha256:
        raise InterruptedError(0, "it changed meanwhile")
    return content


def _fitted(picture: Picture, settings: Settings) -> Pixels:
    height, width = settings.height, settings.width
    if picture.pixels.shape[:2] == (height, width):
        return picture.pixels
    image = picture.image
    box = centred_box(image.size, height, width) if settings.resize_mode == "center_crop" else None
    return np.asarray(resize(image, height, width, box))


def are_worth_it(total_bytes: int) -> bool:
    """Whether files of so many bytes are decoded in processes of their own."""
    return total_bytes >= IN_PROCESS_BYTES and cores() > 1


def decode_all(
    jobs: list[DecodeJob], settings: Settings, rows: Rows, total_bytes: int, pool: ProcessPool | None = None
) -> Iterator[Decoded]:
    """Decodes files on all cores into their rows; yields what became of each, in no particular order.

    `jobs` are in the order of their rows, and none is left out. One that hangs or kills its process is, where there
    are processes: little is decoded in this one.

    Args:
        pool: that decodes; None: one of this call, where the bytes are worth it.
    Raises:
        UserError: photo after photo hangs.
    """
    size = max(1, min(CHUNK, CHUNK_BYTES * len(jobs) // max(total_bytes, 1)))
    chunks = [jobs[i : i + size] for i in range(0, len(jobs), size)]
    if pool is None and not are_worth_it(total_bytes):
        for chunk in chunks:
            yield from _decode_chunk(chunk, settings, rows)
        return
    with nullcontext(pool) if pool else processes() as pool:
        started = [_schedule(pool, chunk, settings, rows) for chunk in chunks]
        unfinished = []
        for chunk, future in zip(chunks, started):
            try:
                yield from future.result()
            except (ProcessExpired, TimeoutError):
                unfinished += chunk
        yield from _one_by_one(pool, unfinished, settings, rows)


def _one_by_one(pool: ProcessPool, jobs: list[DecodeJob], settings: Settings, rows: Rows) -> Iterator[Decoded]:
    """Decodes files of which some kill or hang their process: one at a time, so that it is known which."""
    hung = 0
    for job in jobs:
        try:
            yield from _schedule(pool, [job], settings, rows).result()
            hung = 0
        except (ProcessExpired, TimeoutError) as error:
            reason = f"its decoder crashed, or was not done in {PHOTO_SECONDS:g} s"
            yield Decoded(job.sha256, reason=reason, passing=True)
            hung = hung + 1 if isinstance(error, TimeoutError) else 0
        if hung == MOST_HUNG:
            raise UserError(
                f"{hung} photos, one after the other, could not be read or decoded in {PHOTO_SECONDS:g} s each,"
                f" the last of them {job.path}: does its drive still answer?"
            )


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _schedule(pool: ProcessPool, jobs: list[DecodeJob], settings: Settings, rows: Rows) -> ProcessFuture:
    return pool.schedule(_decode_chunk, args=(jobs, settings, rows), timeout=PHOTO_SECONDS)


@contextmanager
def processes(number: int | None = None) -> Iterator[ProcessPool]:
    """So many that decode; None: one for each core."""
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks of whatever runs here
    place = tempfile.TemporaryDirectory(prefix="colorize-decoding-")
    lock = str(Path(place.name) / "lock")  # a file's, which the system frees where its holder is ended
    pool = ProcessPool(number or cores(), initializer=_start_process, initargs=(lock,), context=context)
    try:
        with _interrupts_held_back():
            pool.schedule(os.getpid).result()  # the threads that start processes inherit what is held back
        yield pool
    finally:
        pool.stop()
        pool.join()
        place.cleanup()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A process started within never sees Ctrl-C, which goes to all of a terminal's: the parent ends it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_lock_for_large = None


def _start_process(lock: str) -> None:
    global _lock_for_large
    _lock_for_large = FileLock(lock)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed cannot end its pool."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _decode_chunk(jobs: list[DecodeJob], settings: Settings, rows: Rows) -> list[Decoded]:
    """Decodes files whose rows follow each other; the row of one that is rejected stays black."""
    pixels = np.zeros((len(jobs), settings.height, settings.width, 3), "uint8")
    results = []
    for place, (job, content) in enumerate(zip(jobs, _contents(jobs))):
        result, photo = decode_file(job, settings, _lock_for_large, content)
        results.append(result)
        if photo is not None:
            pixels[place] = photo
    rows.write(jobs[0].row, pixels)
    return results


def _contents(jobs: list[DecodeJob]) -> Iterable[bytes | OSError | None]:
    """Those of files elsewhere; of this machine's, None."""
    elsewhere = [job.path for job in jobs if isinstance(job.path, RemotePath)]
    return read_each(elsewhere) if elsewhere else repeat(None, len(jobs))
