"""Hashing and decoding on a cluster of Ray's, on whichever node has a core to spare: each shard is a row of Ray Data.

All nodes have colorize installed, and see the photos and the folder of the set at the same paths.
"""

import logging
import pickle
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from colorize.data.decode_pool import Settings, processes
from colorize.data.hashes import hashes_of
from colorize.data.remote import PhotoPath
from colorize.data.shards import Part, decode_locally, is_whole_in, make_shard
from colorize.errors import UserError

TOGETHER = 1000
"""Files that one task hashes."""


def hash_with_ray(places: list[PhotoPath]) -> Iterator[str | OSError]:
    """SHA-256 of each file, in their order, or why it cannot be read; as `decode_with_ray`."""
    data = _start(in_order=True)
    groups = [places[start : start + TOGETHER] for start in range(0, len(places), TOGETHER)]
    rows = [{"number": number, "places": pickle.dumps(group)} for number, group in enumerate(groups)]
    done = 0
    for row in data.from_items(rows, override_num_blocks=len(rows)).map(_hash).iter_rows():
        for failed in groups[done : row["number"]]:  # there for good: it is left out of what comes back
            yield from hashes_of(failed)
        yield from pickle.loads(row["found"])
        done = row["number"] + 1
    for failed in groups[done:]:
        yield from hashes_of(failed)


def _hash(row: dict[str, Any]) -> dict[str, Any]:
    return {"number": row["number"], "found": pickle.dumps(list(hashes_of(pickle.loads(row["places"]))))}


def decode_with_ray(parts: list[Part], folder: Path, settings: Settings, total_bytes: int) -> Iterator[int]:
    """Makes shards on the cluster in RAY_ADDRESS, or on one of this machine; yields how many files are done.

    What fails there for good, as where workers are killed again and again, is made here.

    Raises:
        UserError: Ray is not installed, or its cluster does not answer.
    """
    data = _start(in_order=False)
    rows = [{"part": pickle.dumps(part)} for part in parts]
    made = data.from_items(rows, override_num_blocks=len(rows)).map(partial(_make, folder.resolve(), settings))
    for row in made.iter_rows():
        yield row["files"]
    left = [part for part in parts if not is_whole_in(part, folder, settings)]
    if left:
        print(
            f"{len(left)} of {len(parts)} shards are made here: the nodes could not, or could not read the photos",
            file=sys.stderr,
        )
        yield from decode_locally(left, folder, settings, total_bytes)


def _make(folder: Path, settings: Settings, row: dict[str, Any]) -> dict[str, Any]:
    part: Part = pickle.loads(row["part"])
    if not is_whole_in(part, folder, settings):  # made already by a worker that died afterwards
        with processes(1) as pool:  # a decoder that crashes or hangs ends this one, and its file is rejected
            for _ in make_shard(part, folder, settings, 0, pool):
                pass
    return {"files": len(part.jobs)}


def _start(in_order: bool) -> ModuleType:
    """Ray Data, connected; what comes back is in the order in which it was given, or as it is done."""
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise UserError(
            f"data.engine=ray needs the package {error.name}: install it with: pip install -e '.[ray]' -c"
            " constraints.txt; or decode on this machine: data.engine=local"
        ) from None
    try:
        if not ray.is_initialized():
            ray.init(log_to_driver=False, logging_level=logging.ERROR)
    except ConnectionError as error:
        raise UserError(f"data.engine=ray: the cluster does not answer: {error}; see RAY_ADDRESS") from None
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # of its plans, and that its bars are off
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars, context.max_errored_blocks = False, -1
    context.execution_options.preserve_order = in_order
    return ray.data
