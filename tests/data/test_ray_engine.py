"""A real Ray of two nodes on this machine makes what this machine alone makes."""

import threading
import time
import zipfile
from pathlib import Path

import psutil
import pytest

from colorize.data import ray_engine, shards
from colorize.data.decode_pool import Settings
from colorize.data.remote import RemotePath
from colorize.data.shards import prepare_shards, sum_of

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of what Ray imports

SETTINGS = Settings(12, 20, "center_crop", 4)


@pytest.fixture(scope="module")
def two_nodes():
    """A cluster of two nodes of one core each."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", 12 * 20 * 3)


def sums(folder):
    return {path.name: sum_of(path) for path in sorted(folder.iterdir())}


def workers() -> list[psutil.Process]:
    """Processes of Ray's that run a task."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        title = " ".join(process.info["cmdline"] or [])
        if title.startswith("ray::") and "Map" in title:
            found.append(process)
    return found


def test_two_nodes_make_the_same_shards_and_name_what_is_no_photo(two_nodes, files, tmp_path, monkeypatch):
    local = prepare_shards(files, SETTINGS, tmp_path / "local", 0, lambda done: None)
    done = []
    monkeypatch.setattr(ray_engine, "decode_locally", lambda *arguments: 1 / 0)  # nothing is left to this process
    found = prepare_shards(files, SETTINGS, tmp_path / "ray", 0, done.append, "ray")
    assert sums(tmp_path / "local") == sums(tmp_path / "ray") and len(sums(tmp_path / "ray")) == 18
    assert found.decoded == local.decoded and sum(done) == len(files)
    assert [each.reason[:11] for _, each in found.decoded.values() if each.reason] == ["not a photo"]


def test_each_node_reads_files_that_lie_elsewhere(two_nodes, files, tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path, _ in files:
            archive.write(path, Path(path).name)
    url = f"zip://::{tmp_path / 'photos.zip'}"
    elsewhere = [(RemotePath(url, Path(path).name, Path(path).stat().st_size), sha256) for path, sha256 in files]
    prepare_shards(files, SETTINGS, tmp_path / "local", 0, lambda done: None)
    monkeypatch.setattr(ray_engine, "decode_locally", lambda *arguments: 1 / 0)
    prepare_shards(elsewhere, SETTINGS, tmp_path / "ray", 0, lambda done: None, "ray")
    assert sums(tmp_path / "local") == sums(tmp_path / "ray")


def test_nodes_hash_in_the_order_that_was_given(two_nodes, files, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_engine, "TOGETHER", 2)
    places = [*(path for path, _ in files), str(tmp_path / "none.png")]
    *found, missing = ray_engine.hash_with_ray(places)
    assert found == [sha256 for _, sha256 in files]
    assert isinstance(missing, OSError) and missing.strerror == "No such file or directory"


class Failing:
    """Ray Data whose tasks 1, 4 and the last one failed for good: their rows are missing."""

    def from_items(self, rows, override_num_blocks):
        self.rows = [row for row in rows if row["number"] not in (1, 4, len(rows) - 1)]
        return self

    def map(self, function):
        self.rows = map(function, self.rows)
        return self

    def iter_rows(self):
        return self.rows


def test_what_no_node_can_hash_is_hashed_here(files, monkeypatch):
    monkeypatch.setattr(ray_engine, "TOGETHER", 1)
    monkeypatch.setattr(ray_engine, "_start", lambda in_order: Failing())
    assert list(ray_engine.hash_with_ray([path for path, _ in files])) == [sha256 for _, sha256 in files]


def test_a_worker_that_is_killed_changes_nothing(two_nodes, files, tmp_path):
    prepare_shards(files, SETTINGS, tmp_path / "local", 0, lambda done: None)
    killed, is_over = [], threading.Event()

    def kill():
        while not is_over.is_set() and len(killed) < 2:
            for worker in workers():
                worker.kill()
                killed.append(worker.pid)
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        prepare_shards(files, SETTINGS, tmp_path / "ray", 0, lambda done: None, "ray")
    finally:
        is_over.set()
        killer.join()
    assert killed and sums(tmp_path / "local") == sums(tmp_path / "ray")
