"""A run's model in MLflow: what a request may hold, the registry, and a server that is asked over HTTP."""

import base64
import hashlib
import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize.composing import composed
from colorize.data.images import NotUsable
from colorize.finding import find_model
from colorize.painting.loading import painter_of
from colorize.run_folder import BEST, load_config, read_config, save_config
from colorize.serving import requests
from colorize.serving.packaging import NEEDED, package, requirements
from colorize.tracking.tracker import open_tracker

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


def file_of(rgb, name="PNG") -> bytes:
    content = io.BytesIO()
    Image.fromarray(rgb).save(content, name)
    return content.getvalue()


def opened(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def bomb() -> bytes:
    """A PNG that claims 100,000 x 100,000 pixels."""
    header = b"IHDR" + (100_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    head = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    return head + (1000).to_bytes(4, "big") + b"IDAT" + bytes(1000)


def test_bytes_base64_paths_and_arrays_are_painted_alike(model_folder, noise, tmp_path):
    painter, rgb = painter_of(model_folder), noise(20, 30)
    data = file_of(rgb)
    (tmp_path / "photo.png").write_bytes(data)
    text = base64.b64encode(data).decode()
    photos = [data, text, f"data:image/png;base64,{text}", tmp_path / "photo.png", rgb, rgb.tolist()]
    expected = np.asarray(painter.paint(rgb))
    for png in requests.painted(painter, photos):
        np.testing.assert_array_equal(opened(png), expected)


@pytest.mark.parametrize(
    ("photo", "told"),
    [
        (b"", "empty file"),
        (b"hello", "not a photo of a known format"),
        ("/etc/passwd", "a string that is no base64"),
        (base64.b64encode(b"<svg/>").decode(), "not a photo of a known format"),
        (Path("/nowhere.jpg"), "cannot be read: No such file"),
        (bomb(), "too large to open safely"),
        (bytes(16_000_001), "expected at most 16,000,000"),
        ("A" * 33_000_000, "characters of base64"),
        (3, "int; expected the bytes"),
        (None, "NoneType; expected the bytes"),
        ({"a": 1}, "dict; expected the bytes"),
        ([[1, 2], [3]], "lists of different lengths"),
        ([["a"]], "of shape"),
        ([[300]], "of shape"),
        (np.zeros((4, 5, 3)), "float64 of shape"),
        (np.zeros((4, 5, 4), "uint8"), "uint8 of shape"),
        (np.broadcast_to(np.uint8(0), (7000, 7000)), "more than 40 megapixels"),
    ],
)
def test_what_is_no_photo_is_told_and_nothing_is_painted(photo, told, noise):
    with pytest.raises(NotUsable, match=told) as error:
        requests.painted(None, [noise(4, 5), photo])
    assert str(error.value).startswith("photo 2 of 2: ") and len(str(error.value)) < 400


def test_many_photos_share_one_limit(noise, monkeypatch):
    with pytest.raises(NotUsable, match="expected 1 to 64 photos in a request, received 65"):
        requests.painted(None, [b"x"] * 65)
    with pytest.raises(NotUsable, match="received 0"):
        requests.painted(None, [])
    monkeypatch.setattr(requests, "LARGEST_PIXELS", 1500)
    with pytest.raises(NotUsable, match="photo 3 of 3"):
        requests.painted(None, [noise(20, 30), noise(20, 30), noise(20, 30)])


@pytest.fixture
def logged(model_folder, tmp_path):
    """Logs a model with some score, as the end of a run does; returns its run id and its tracker."""
    uri = f"sqlite:///{tmp_path / 'runs.db'}"

    def log(name: str, score: float = 12.0, digest: str = "photos", register: str | None = None):
        folder = tmp_path / name
        shutil.copytree(model_folder, folder)
        with open(folder / BEST, "ab") as file:
            file.write(name.encode())  # weights of its own, as far as their hash knows
        config = load_config(folder)
        as_name = [] if register is None else [f"tracking.register={register}"]
        with_mlflow = composed(["debug=smoke", "tracking=mlflow", f"tracking.uri={uri}", *as_name])
        config = config.model_copy(update={"tracking": with_mlflow.tracking})
        save_config(config, folder)
        tracker = open_tracker(config, folder)
        tracker.start()
        tracker.metrics({"final/ab_rmse": score, "final/psnr_pooled": 21.0}, 3)
        finals = ["final/ab_rmse", "final/psnr_pooled"]
        tracker.model(folder / BEST, {"fusion": "row_gru"}, finals, score, {"name": "sample val", "digest": digest}, 3)
        tracker.finish("FINISHED")
        tracker.sender._thread.join()  # its last act is to note what it has delivered
        assert not tracker.sender.refusals and tracker.sender.delivered == tracker.journal.count
        return tracker

    from mlflow import MlflowClient

    log.client = MlflowClient(uri)
    log.uri = uri
    return log


def test_a_run_logs_a_model_without_pickle_with_all_that_belongs_to_it(logged, tmp_path):
    tracker = logged("a")
    run = logged.client.get_run(tracker.run_id)
    (output,) = run.outputs.model_outputs
    model = logged.client.get_logged_model(output.model_id)
    assert model.status == "READY" and model.source_run_id == tracker.run_id and model.params == {"fusion": "row_gru"}
    of = {metric.key: (metric.value, metric.dataset_name, metric.dataset_digest) for metric in model.metrics}
    assert of["final/ab_rmse"] == (12.0, "sample val", "photos")
    assert len(logged.client.get_metric_history(tracker.run_id, "final/ab_rmse")) == 1, (
        "to the run it is no other point"
    )

    found = find_model(tracker.run_id, logged.uri, None, tmp_path / "fetched")
    files = {path.name for path in (tmp_path / "fetched").rglob("*")}
    assert {"MLmodel", "config.yaml", "best.weights.h5", "serving_input_example.json"} <= files
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".pyc"))]
    assert found.config.fusion.name == "row_gru"
    (root,) = [path.parent for path in (tmp_path / "fetched").rglob("MLmodel")]
    pinned = (root / "requirements.txt").read_text().split()
    assert pinned == requirements(found.config.backend) and all("==" in line for line in pinned)
    assert '"name": "image"' in (root / "MLmodel").read_text()


def test_the_weights_of_a_backbone_go_with_the_model_and_no_other_file_does(model_folder, tmp_path):
    secret = tmp_path / "backbone.h5"
    secret.write_bytes(b"weights")
    overrides = ["debug=smoke", "tracking=off", "backbone=mobilenet", f"backbone.weights={secret}"]
    config = composed(overrides)

    def packaged(sha256, into):
        backbone = config.backbone.model_copy(update={"sha256": sha256})
        save_config(config.model_copy(update={"backbone": backbone}), model_folder)
        package(model_folder, into)
        return into / "artifacts" / "colorizer"

    files = packaged(hashlib.sha256(b"weights").hexdigest(), tmp_path / "model")
    assert (files / "backbone.weights.h5").read_bytes() == b"weights"
    assert read_config(files).backbone.weights == str(files / "backbone.weights.h5")
    for number, wrong in enumerate((hashlib.sha256(b"others").hexdigest(), None)):
        with pytest.raises(ValueError, match="another file than in training"):
            packaged(wrong, tmp_path / f"model{number}")


def test_delivering_it_twice_changes_nothing(logged):
    tracker = logged("a", register="colorizer")
    from colorize.__main__ import main

    (tracker.output / "tracking" / "delivered.json").unlink()
    main(["sync", str(tracker.output)])
    run = logged.client.get_run(tracker.run_id)
    assert len(run.outputs.model_outputs) == 1
    assert [version.version for version in logged.client.search_model_versions("name = 'colorizer'")] == [1]


def test_weights_that_changed_meanwhile_are_not_logged_as_those_before(logged, capsys):
    tracker = logged("a")
    (tracker.output / BEST).write_bytes(b"later weights")
    (tracker.output / "tracking" / "delivered.json").unlink()
    from colorize.__main__ import main

    main(["sync", str(tracker.output), "--tracking", logged.uri.replace("runs.db", "other.db")])
    assert "refused: " in (told := capsys.readouterr().err) and "holds other weights by now" in told


def test_a_strangers_bins_send_off_no_file_of_this_machine(logged, tmp_path, capsys):
    tracker = logged("a")
    (tmp_path / "secret").write_text("secret")
    (tracker.output / "bins.csv").symlink_to(tmp_path / "secret")
    from colorize.__main__ import main

    main(["sync", str(tracker.output), "--tracking", logged.uri.replace("runs.db", "other.db")])
    assert "bins.csv does not lie in" in capsys.readouterr().err


def test_who_was_judged_once_is_not_judged_again(logged):
    first, second = logged("first", 12.0, register="colorizer"), logged("second", 12.5, register="colorizer")
    from colorize.__main__ import main

    logged.client.set_registered_model_alias("colorizer", "champion", 2)  # somebody's own choice
    for tracker in (first, second, first):
        (tracker.output / "tracking" / "delivered.json").unlink()
        main(["sync", str(tracker.output)])
    aliases = logged.client.get_registered_model("colorizer").aliases
    assert {alias: int(version) for alias, version in aliases.items()} == {"champion": 2, "challenger": 2}


def test_a_score_that_is_no_number_makes_no_champion(logged):
    logged("nan", float("nan"), register="colorizer")
    assert list(logged.client.get_registered_model("colorizer").aliases) == ["challenger"]


def test_the_champion_is_who_beats_it_by_the_same_photos(logged, capsys):
    def registered(name, score, digest="photos"):
        tracker = logged(name, score, digest, register="colorizer")
        tracker.tell()
        aliases = logged.client.get_registered_model("colorizer").aliases
        return {alias: int(version) for alias, version in aliases.items()}, capsys.readouterr().out

    aliases, told = registered("first", 12.0)
    assert aliases == {"champion": 1} and "colorizer version 1 is its champion" in told
    aliases, told = registered("worse", 12.5)
    assert aliases == {"champion": 1, "challenger": 2} and "12.500 against 12.000 of version 1" in told
    aliases, told = registered("equal", 12.0)
    assert aliases == {"champion": 1, "challenger": 3}
    aliases, told = registered("better", 11.5)
    assert aliases["champion"] == 4 and "11.500 against 12.000 of version 1" in told
    aliases, told = registered("elsewhere", 3.0, "other photos")
    assert aliases == {"champion": 4, "challenger": 5} and "was judged by other photos" in told


CALLER = """
import json, pathlib, sys
import mlflow
assert "colorize" not in sys.modules
model = mlflow.pyfunc.load_model(sys.argv[1])
table = model.predict([{"image": pathlib.Path(sys.argv[2])}])
pathlib.Path(sys.argv[3]).write_bytes(table["png"][0])
import importlib.metadata as metadata
owners = metadata.packages_distributions()
print(json.dumps([sys.modules["colorize"].__file__, sorted({o for m in sys.modules for o in owners.get(m, [])})]))
"""


def needed_by(names) -> set[str]:
    """Some packages and all that they need."""
    from packaging.requirements import Requirement

    found, left = set(), list(names)
    while left:
        name = left.pop().lower().replace("_", "-").replace(".", "-")
        if name in found:
            continue
        try:
            wanted = [Requirement(text) for text in metadata.requires(name) or []]
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        left += [r.name for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


def test_a_caller_needs_mlflow_and_the_pinned_packages_alone(logged, noise, tmp_path, model_folder):
    tracker = logged("a", register="colorizer")
    (tmp_path / "photo.png").write_bytes(file_of(noise(20, 30)))
    environment = {**os.environ, "MLFLOW_TRACKING_URI": logged.uri}
    environment.pop("PYTHONPATH", None)
    arguments = ["models:/colorizer@champion", str(tmp_path / "photo.png"), str(tmp_path / "painted.png")]
    done = subprocess.run([sys.executable, "-c", CALLER, *arguments], env=environment, cwd=tmp_path,
                          capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = np.asarray(painter_of(model_folder).paint(noise(20, 30)))
    np.testing.assert_array_equal(opened((tmp_path / "painted.png").read_bytes()), expected)
    code, used = json.loads(done.stdout.splitlines()[-1])
    assert code.endswith("code/colorize/__init__.py"), "the code that was kept with the model"
    allowed = needed_by([*NEEDED, load_config(tracker.output).backend]) | {"colorize"}
    ours = {re.match(r"[\w.-]+", text)[0].lower() for text in metadata.requires("colorize") if "extra ==" not in text}
    ours -= {"psutil"}  # MLflow takes it where it is
    unlisted = ours & {name.lower().replace("_", "-").replace(".", "-") for name in used} - allowed
    assert not unlisted, unlisted


@pytest.fixture
def served(logged, tmp_path):
    """The port of `mlflow models serve`, in a process of its own."""
    logged("a", register="colorizer")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/colorizer@champion"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # of uvicorn, where the environment is not activated
    environment = {**os.environ, "MLFLOW_TRACKING_URI": logged.uri, "PATH": path}
    log = tmp_path / "serve.log"
    with open(log, "w") as out:
        process = subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=out, stderr=out, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 240
        while not is_up(port):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        yield port
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def is_up(port: int) -> bool:
    try:
        return asked(port, None, path="/ping")[0] == 200
    except OSError:
        return False


def asked(port: int, body, path="/invocations", kind="application/json") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=240)
    try:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request("POST" if body is not None else "GET", path, data, {"Content-Type": kind})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_a_server_paints_and_withstands_hostile_requests(served, model_folder, noise):
    rgb = noise(20, 30)
    expected = np.asarray(painter_of(model_folder).paint(rgb))

    def text(data: bytes) -> str:
        return base64.b64encode(data).decode()

    photo = {"image": text(file_of(rgb))}

    def assert_paints(request=None, times=1):
        status, answer = asked(served, request or {"dataframe_records": [photo] * times})
        assert status == 200, answer
        rows = json.loads(answer)["predictions"]
        assert len(rows) == times
        for row in rows:
            np.testing.assert_array_equal(opened(base64.b64decode(row["png"])), expected)

    assert_paints()
    assert_paints({"inputs": [photo]})
    hostile = {
        "nothing": b"",
        "no JSON": b"{",
        "no image": {"dataframe_records": [{"name": "me"}]},
        "no photo": {"dataframe_records": [{"image": text(b"hello")}]},
        "a path": {"dataframe_records": [{"image": "/etc/passwd"}]},
        "a number": {"dataframe_records": [{"image": 3}]},
        "a bomb": {"dataframe_records": [{"image": text(bomb())}]},
        "20 MB": {"dataframe_records": [{"image": text(bytes(20_000_000))}]},
        "too many": {"dataframe_records": [photo] * 65},
    }
    for name, request in hostile.items():
        status, answer = asked(served, request)
        assert 400 <= status < 500, f"{name}: {status} {answer[:500]}"
        told = json.loads(answer)
        assert told["message"] and "Traceback" not in answer.decode() and len(answer) < 5000, f"{name}: {answer[:500]}"
        assert b"root:" not in answer
    assert asked(served, b"<x/>", kind="text/xml")[0] == 415
    with ThreadPoolExecutor(50) as pool:
        list(pool.map(lambda _: assert_paints(), range(50)))
    assert_paints(times=50)
