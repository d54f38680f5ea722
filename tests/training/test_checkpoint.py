"""Checkpoints on disk: killed at every point of a write, damaged in every way, written to a disk that is full."""

import hashlib
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from evil import Evil
from messages import assert_wording
from safetensors.numpy import save as save_arrays

from colorize.config.base import PROJECT
from colorize.errors import UserError
from colorize.runs.atomic import PARTIAL
from colorize.training.checkpoint import Checkpoints

pytestmark = pytest.mark.once

WRITES = """
import os, signal, sys
import numpy as np
from pathlib import Path
from colorize.runs import atomic
from colorize.training import checkpoint

fatal, count = int(sys.argv[2]), 0

def point(name):
    global count
    count += 1
    if armed and count == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

class Watched:
    '''The os module, with a point to be killed at before and after each call that changes something.'''
    def __getattr__(self, name):
        call = getattr(os, name)
        if name not in ("fsync", "replace", "open", "close"):
            return call
        def watched(*args, **kwargs):
            point(name)
            result = call(*args, **kwargs)
            point(name)
            return result
        return watched

def write_bytes(path, data):
    with open(path, "wb", buffering=0) as file:
        point("opened")
        for start in range(0, len(data), 1 + len(data) // 3):
            file.write(data[start : start + 1 + len(data) // 3])
            point("written in part")

unlink = Path.unlink
def watched_unlink(path, missing_ok=False):
    point("unlink")
    unlink(path, missing_ok)

atomic.os, Path.write_bytes, Path.unlink, armed = Watched(), write_bytes, watched_unlink, False
checkpoints = checkpoint.Checkpoints(Path(sys.argv[1]), keep=1)
for step in (1, 2):
    armed = step == 2
    count = 0
    checkpoints.save({"weights": np.full(1000, step, "float32"), "step": step, "sample": step})
print(count)
"""


def write_two(folder: Path, killed_at: int) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", WRITES, str(folder), str(killed_at)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def fits(checkpoint) -> None:
    return None


def test_killed_at_every_point_of_a_write_there_is_the_old_one_or_the_new_one(tmp_path):
    whole = write_two(tmp_path / "whole", 0)
    points = int(whole.stdout)
    assert points > 10, whole.stderr
    found = []
    for point in range(1, points + 1):
        folder = tmp_path / str(point)
        assert write_two(folder, point).returncode == -9
        state = Checkpoints(folder).newest(fits)
        step = state["step"]
        np.testing.assert_array_equal(state["weights"], np.full(1000, step, "float32"))
        found.append(step)
        Checkpoints(folder).save(saved(3))
        assert not list(folder.glob(f"{PARTIAL}*")), "what the killed process left is cleared away"
    assert found == sorted(found) and set(found) == {1, 2}, found


def saved(step: int, value: float | None = None) -> dict:
    """A small state."""
    arrays = {"weights": np.full((3, 5), step if value is None else value, "float32"), "seed": np.array([7], "uint32")}
    return {**arrays, "step": step, "sample": step, "history": [{"epoch": 1, "loss": float("nan")}]}


@pytest.fixture
def three(tmp_path):
    """A folder of three checkpoints."""
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=3)
    for step in (5, 10, 100_000_000):
        checkpoints.save(saved(step))
    return checkpoints


def test_what_was_saved_is_read_back_and_the_oldest_go(three):
    found = three.newest(fits)
    assert found["step"] == 100_000_000 and found["seed"].dtype == np.uint32
    np.testing.assert_array_equal(found["weights"], np.full((3, 5), 1e8, "float32"))
    assert np.isnan(found["history"][0]["loss"]) and found["history"][0]["epoch"] == 1
    three.keep = 2
    three.save(saved(100_000_001))
    assert [path.name.partition("-")[0] for path in three.paths()] == ["0100000001", "0100000000"]


def truncated(path):
    path.write_bytes(path.read_bytes()[:-7])


def flipped(path):
    data = bytearray(path.read_bytes())
    data[-9] ^= 0b100
    path.write_bytes(data)


def emptied(path):
    path.write_bytes(b"")


def replace(path, data: bytes) -> None:
    """Something in the place of a checkpoint that is called as it should be."""
    path.unlink()
    digest = hashlib.sha256(data).hexdigest()[:16]
    (path.parent / f"{path.name.partition('-')[0]}-{digest}.safetensors").write_bytes(data)


def foreign(path):
    """Of another program."""
    replace(path, save_arrays({"weights": np.ones((3, 5), "float32")}))


def pickled(path):
    """A stranger's, which runs code where it is unpickled."""
    replace(path, pickle.dumps(Evil(path.parent / "evil")))


DAMAGES = [
    (truncated, "checkpoint.checksum"), (flipped, "checkpoint.checksum"), (emptied, "checkpoint.empty"),
    (foreign, "checkpoint.foreign"), (pickled, "checkpoint.foreign"),
]  # fmt: skip


def assert_reason(key: str, reason: str) -> None:
    """But for what safetensors and json say of it."""
    assert_wording(key, re.sub("(?<=no checkpoint of colorize: ).*", "REASON", reason))


@pytest.mark.parametrize(("damage", "key"), DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_and_reported(three, damage, key):
    damage(three.paths()[0])
    assert three.newest(fits)["step"] == 10
    (reason,) = three.rejected.values()
    assert_reason(key, reason)
    assert not (three.folder / "evil").exists()
    three.keep = 1
    three.save(saved(11))
    assert three.newest(fits)["step"] == 11, "what is damaged does not count among those that are kept"


@pytest.mark.parametrize(("damage", "key"), DAMAGES)
def test_if_all_are_damaged_it_is_an_error_and_never_a_new_run(three, damage, key):
    for path in three.paths():
        damage(path)
    with pytest.raises(UserError) as raised:
        three.newest(fits)
    told, *lines = str(raised.value).splitlines()
    assert_wording("checkpoint.none", told)
    assert lines == [f"  {path.name}: {reason}" for path, reason in three.rejected.items()] and len(lines) == 3
    for reason in three.rejected.values():
        assert_reason(key, reason)


def test_one_of_another_run_is_passed_over(three):
    assert three.newest(lambda found: "of another run" if found["step"] > 10 else None)["step"] == 10
    assert list(three.rejected.values()) == ["of another run"]


def test_another_course_begins_before_the_step_that_failed_and_removes_what_came_after(three):
    assert three.newest(fits, before_step=10)["step"] == 5
    assert [path.name[:10] for path in three.paths()] == ["0000000005"]
    assert three.newest(fits, before_step=5)["step"] == 5, "there is nothing earlier"


def test_the_newest_is_that_which_has_shown_most_photos_also_with_larger_batches(three):
    three.keep = 2
    for step, sample in ((50, 100_000_100), (51, 100_000_200)):
        three.save({**saved(1), "step": step, "sample": sample})
    assert three.newest(fits)["step"] == 51 and len(three.paths()) == 2


def test_where_there_is_none_there_is_none(tmp_path):
    assert Checkpoints(tmp_path / "nothing").newest(fits) is None


def test_a_full_disk_keeps_the_one_before(three):
    command = [sys.executable, "-c", FULL, str(three.folder)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stdout == "File too large\n", done.stderr
    assert Checkpoints(three.folder).newest(fits)["step"] == 100_000_000
    assert not list(three.folder.glob(f"{PARTIAL}*"))


FULL = """
import resource, sys
import numpy as np
from pathlib import Path
from colorize.training.checkpoint import Checkpoints
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    state = {"weights": np.zeros(100_000), "step": 100_000_001, "sample": 100_000_001}
    Checkpoints(Path(sys.argv[1])).save(state)
except OSError as error:
    print(error.strerror)
"""
