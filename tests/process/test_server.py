"""Trainings that log to a real MLflow server, which goes away; what they learn, and what it has in the end."""

import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from browser import free_port
from messages import assert_wording
from processes import go_on, start, train
from trained import EPOCHS, PLAN, STEPS, assert_same, before, die_at
from troubles import hold, kill_in_mid_delivery, wait_for_answers_forever

from colorize.__main__ import main
from colorize.hub import find_model
from colorize.training.clock import Clock
from colorize.training.run import _Run

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))
from useless import UselessServer  # noqa: E402

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports

TRACKED = [*PLAN, "trainer.num_visualized_photos=1", "tracking.patience=1.0"]


class Server:
    """`mlflow server` on an SQLite store in a folder: it can be killed and started again."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self) -> "Server":
        if self.process:
            return self
        store = ["--backend-store-uri", f"sqlite:///{self.folder / 'server.db'}"]
        artifacts = ["--artifacts-destination", str(self.folder / "artifacts"), "--serve-artifacts"]
        place = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        command = [sys.executable, "-m", "mlflow", "server", *store, *artifacts, *place]
        with open(self.folder / "server.log", "a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)
        for _ in range(1200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                assert self.process.poll() is None, (self.folder / "server.log").read_text()
                threading.Event().wait(0.1)
        raise AssertionError("the server does not start")

    def kill(self) -> None:
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for all tests, which start and kill it as they need."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.kill()


def stored(uri: str, folder) -> dict:
    """All that an MLflow has of the run in a folder, which is one."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    key = json.loads((folder / "tracking" / "journal.jsonl").read_text().partition("\n")[0])["key"]
    (run,) = client.search_runs(
        [client.get_experiment_by_name("colorize").experiment_id], f"tags.`colorize.key` = '{key}'"
    )
    history = {
        key: [(p.step, p.value, p.timestamp) for p in client.get_metric_history(run.info.run_id, key)]
        for key in run.data.metrics
        if not key.startswith("system/")
    }
    folders, files = [""], []
    while folders:
        for file in client.list_artifacts(run.info.run_id, folders.pop() or None):
            (folders if file.is_dir else files).append(file.path)
    logged = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    models = [(model.status.value, model.tags["colorize.weights"], len(model.metrics)) for model in logged]
    inputs = sorted(entry.tags[0].value for entry in run.inputs.dataset_inputs)
    info = run.info.run_id, run.info.run_name, run.info.status, run.info.start_time, run.info.end_time
    return {
        "info": info, "history": history, "files": sorted(files), "inputs": inputs, "params": run.data.params,
        "tags": run.data.tags, "models": models,
    }  # fmt: skip


def assert_complete(found: dict) -> None:
    """The whole run, each point once."""
    assert found["info"][2] == "FINISHED" and found["inputs"] == ["train", "val"]
    for name in ("train/loss", "val/ab_rmse", "train/learning_rate"):
        assert [step for step, *_ in found["history"][name]] == [1, 2, 3], name
    assert all(len(points) == 1 for key, points in found["history"].items() if key.startswith("val_best/"))
    assert found["params"]["trainer.epochs"] == "3" and "git.commit" in found["tags"]
    pictures = [name for name in found["files"] if name.startswith("images/") and name.endswith(".png")]
    assert len(pictures) == 4, "one photo, before training and after each epoch"
    assert {"result.json", "shapes/shapes.json", "config.yaml"} <= set(found["files"])
    ((status, _, metrics),) = found["models"]
    assert status == "READY" and metrics > 5


def test_a_server_that_comes_back_gets_everything_without_a_word_from_anybody(server, undisturbed, tmp_path):
    folder = tmp_path / "run"
    held = functools.partial(hold, str(tmp_path / "there"), _Run, "finish", 1)
    training = start(folder, *TRACKED, "tracking.patience=60", tracking=server.uri, sabotage=held)
    training.until(lambda: "does not answer" in training.written, "its first try")
    server.start()
    training.until(lambda: "answers again" in training.written, "another try")
    (tmp_path / "go").touch()
    assert training.end() == 0 and "sync" not in training.written
    assert_same(folder, undisturbed)
    assert_complete(stored(server.uri, folder))


@pytest.fixture(scope="module")
def cut_off(server, tmp_path_factory):
    """Runs that the server was killed in, at one of their steps and at their end, or was never there for: the folder of
    each, and what it wrote."""
    place = tmp_path_factory.mktemp("cut")
    server.start()
    held = functools.partial(hold, str(place / "there"), _Run, "finish", 1)
    at_end = start(place / "run before the end", *TRACKED, tracking=server.uri, sabotage=held)
    try:
        at_end.until((place / "there").exists, "its end")
        at_end.until((place / "run before the end" / "tracking" / "delivered.json").exists, "a delivery")
        folder = place / "run in the middle"
        kill = functools.partial(kill_in_mid_delivery, server.process.pid, str(folder))
        killing = functools.partial(before, Clock, "_advance", kill, 40)
        in_the_middle = train(folder, *TRACKED, tracking=server.uri, sabotage=killing)
    finally:
        server.kill()
        (place / "go").touch()
        assert at_end.end() == 0, at_end.written
    absent = train(place / "run absent", *TRACKED, tracking=server.uri)
    trainings = {"in the middle": in_the_middle, "before the end": at_end, "absent": absent}
    return {name: (place / f"run {name}", training.written) for name, training in trainings.items()}


def test_what_did_not_reach_a_server_is_kept_until_it_is_there(cut_off, server, capsys):
    server.kill()
    folder, _ = cut_off["absent"]
    assert json.loads((folder / "result.json").read_text())["mlflow_run_id"] is None
    with pytest.raises(SystemExit) as raised:
        main(["sync", str(folder)])
    assert raised.value.code == 2
    told = capsys.readouterr().err
    mlflows = re.search(r"does not answer: (.+) Nothing is lost", told)[1]
    assert_wording("sync.no_server", told, reason=mlflows, uri=server.uri)


def count_of(pattern: str, text: str) -> list[int]:
    return [int(number) for number in re.search(pattern, text).groups()]


@pytest.mark.parametrize("when", ["in the middle", "before the end", "absent"])
def test_a_run_without_its_server_learns_the_same_and_a_sync_delivers_it(
    when, cut_off, server, undisturbed, tmp_path, capsys
):
    folder, written = cut_off[when]
    assert_same(folder, undisturbed)
    *_, last = written.strip().splitlines()
    assert f"records did not reach MLflow at {server.uri}" in last and f"colorize sync '{folder}'" in last
    assert "Traceback" not in written
    known = json.loads((folder / "result.json").read_text())["mlflow_run_id"]
    assert (known is None) == (when == "absent"), "the server had a part of it, or nothing"
    server.start()
    main(["sync", str(folder)])
    told = capsys.readouterr().out
    assert f"records delivered to {server.uri}, run " in told
    delivered, (left, kept) = count_of(r": (\d+) records delivered", told), count_of(r"(\d+) of (\d+) records", last)
    assert [left] == delivered and (left == kept) == (when == "absent")
    found = stored(server.uri, folder)
    assert_complete(found)
    assert find_model(str(folder), None, None, tmp_path).run_id == found["info"][0], "where an evaluation is logged"
    main(["sync", str(folder)])
    assert " 0 records delivered" in capsys.readouterr().out
    if when == "in the middle":
        (folder / "tracking" / "delivered.json").unlink()  # without a memory of it: nothing changes either
        main(["sync", str(folder)])
        assert stored(server.uri, folder) == found


@pytest.mark.parametrize("seconds", [0, 86400])
def test_a_server_that_answers_nothing_useful(seconds, undisturbed, tmp_path):
    """500 and 401 at once, or nothing: the end of the run has a deadline of its own."""
    useless = UselessServer(500, 401, seconds=seconds)
    folder = tmp_path / "run"
    training = train(folder, *TRACKED, tracking=useless.uri, sabotage=wait_for_answers_forever)
    useless.close()
    assert useless.asked and "Traceback" not in training.written
    *_, last = training.written.strip().splitlines()
    assert f"python -m colorize sync {folder}" in last
    assert_same(folder, undisturbed)


def test_a_killed_run_that_goes_on_is_one_run_in_mlflow_without_a_gap_or_a_double(undisturbed, tmp_path):
    folder, uri = tmp_path / "run", f"sqlite:///{tmp_path / 'runs.db'}"
    for number, step in enumerate((31, 57)):  # soon after a point was logged that the checkpoint does not know
        sabotage = functools.partial(die_at, step, True)
        how = {"tracking": uri, "sabotage": sabotage}
        plan = [*TRACKED, "trainer.checkpoint.every_steps=26", "trainer.checkpoint.every_epochs=9"]
        plan.append("tracking.every_steps=1")
        killed = go_on(folder, status=-9, sabotage=sabotage) if number else start(folder, *plan, **how)
        assert killed.end() == -signal.SIGKILL, killed.written
    go_on(folder)
    assert_same(folder, undisturbed)
    found = stored(uri, folder)
    assert_complete(found)
    steps, losses, _ = map(np.array, zip(*found["history"]["train_step/loss"]))
    assert list(steps) == list(range(1, EPOCHS * STEPS + 1))
    of_epochs = [loss for _, loss, _ in found["history"]["train/loss"]]
    np.testing.assert_allclose(losses.reshape(EPOCHS, STEPS).mean(axis=1), of_epochs, rtol=1e-5)
    assert [tag for tag in found["tags"] if tag.startswith("resumed.")] == ["resumed.26", "resumed.52"]
    assert json.loads((folder / "result.json").read_text())["mlflow_run_id"] == found["info"][0]
    another = f"sqlite:///{tmp_path / 'another.db'}"
    main(["sync", str(folder), "--tracking", another])  # another place gets the whole of it
    copied = stored(another, folder)
    assert_complete(copied)
    assert copied["history"] == found["history"] and copied["params"] == found["params"]
