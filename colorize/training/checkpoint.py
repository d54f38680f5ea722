"""Checkpoints on disk: written whole, checked when they are read, never with pickle; the last few are kept.

A file is called PHOTOS-DIGEST.safetensors. PHOTOS is how many have been shown, which never falls (the number of a step
does, where a run goes on with larger batches). DIGEST begins the SHA-256 of its content, so that one renaming makes a
checkpoint with its checksum, and what was cut off or changed does not match its own name.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from colorize.errors import UserError
from colorize.runs.atomic import PARTIAL, write_whole

State = dict[str, Any]
"""What `TrainState.state_dict` gives: arrays by name, and what JSON can say; `sample` and `step` among it."""

FIELDS = "state"
"""Key of the metadata under which everything stands that is no array."""

DIGITS = 16
"""Of the digest in the name: 64 bits, enough against accidents. Against an attacker there is nothing to protect:
a checkpoint holds numbers alone."""


class Checkpoints:
    """The checkpoints in a folder.

    Args:
        folder: made with the first checkpoint.
        keep: how many of the newest are kept.
    Attributes:
        rejected: what could not be used, and why, as found by `newest`. It is left where it is.
    """

    def __init__(self, folder: Path, keep: int = 1):
        self.folder, self.keep = folder, keep
        self.rejected: dict[Path, str] = {}

    def save(self, state: State) -> None:
        """Writes a checkpoint, then removes the oldest.

        Raises:
            OSError: it could not be written; those before are there.
        """
        arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
        fields = {name: value for name, value in state.items() if name not in arrays}
        data = save_arrays(arrays, {FIELDS: json.dumps(fields)})
        path = self.folder / f"{state['sample']:010d}-{_digest(data)}.safetensors"
        for left_over in self.folder.glob(f"{PARTIAL}*"):  # of a process that was killed: it takes space
            left_over.unlink(missing_ok=True)
        write_whole(path, data)
        for old in [path for path in self.paths() if path not in self.rejected][self.keep :]:
            old.unlink(missing_ok=True)

    def paths(self) -> list[Path]:
        """All files that are called like a checkpoint, newest first."""
        found = [path for path in self.folder.glob("[0-9]*-*.safetensors") if path.name.partition("-")[0].isdecimal()]
        return sorted(found, key=_age, reverse=True)

    def newest(self, misfit: Callable[[State], str | None], before_step: int | None = None) -> State | None:
        """The newest checkpoint that is whole and fits; None where there are none at all.

        Args:
            misfit: says why a checkpoint is not of this run, or None.
            before_step: passes over those of this step and later ones, which are removed: another course is taken.
        Raises:
            UserError: there are some, and none can be used.
        """
        later: list[tuple[Path, State]] = []
        for path in self.paths():
            try:
                state = _read(path)
                reason = misfit(state)
            except (OSError, ValueError) as error:
                reason = str(error).strip().splitlines()[0]
            if reason is None and before_step is not None and state["step"] >= before_step:
                later.append((path, state))
            elif reason is None:
                for path, _ in later:
                    path.unlink(missing_ok=True)
                return state
            else:
                self.rejected[path] = reason
        if later:  # there is nothing earlier
            return later[-1][1]
        if self.rejected:
            listed = "\n".join(f"  {path.name}: {reason}" for path, reason in self.rejected.items())
            raise UserError(f"no checkpoint in {self.folder} can be used:\n{listed}")
        return None


def _age(path: Path) -> tuple[int, int]:
    return int(path.name.partition("-")[0]), path.stat().st_mtime_ns


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def _read(path: Path) -> State:
    data = path.read_bytes()
    if not data:
        raise ValueError("it is empty")
    if _digest(data) != path.stem.rpartition("-")[2]:
        raise ValueError("its checksum is wrong: cut off or changed since it was written")
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return {**load_arrays(data), **json.loads(header["__metadata__"][FIELDS])}
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"it is no checkpoint of colorize: {error}") from None
