"""A run's model at work: what a request may hold, who can load it, and a server that is asked over HTTP."""

import base64
import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from browser import free_port
from evil import claiming
from PIL import Image
from skimage import color as reference

from colorize.data.decode import NotUsable
from colorize.inference.load import pipeline_of
from colorize.runs.layout import load_config
from colorize.serving import requests
from colorize.serving.packaging import NEEDED

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


def file_of(rgb, name="PNG") -> bytes:
    content = io.BytesIO()
    Image.fromarray(rgb).save(content, name)
    return content.getvalue()


def damaged_avif(noise) -> bytes:
    """Pillow opens it and cannot decode it."""
    data = bytearray(file_of(noise(48, 64), "AVIF"))
    start = data.index(b"mdat") + 4
    data[start : start + 200] = bytes(200)
    return bytes(data)


def opened(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def test_bytes_base64_paths_and_arrays_are_painted_alike(model_folder, noise, tmp_path):
    pipeline, rgb = pipeline_of(model_folder), noise(20, 30)
    data = file_of(rgb)
    (tmp_path / "photo.png").write_bytes(data)
    text = base64.b64encode(data).decode()
    photos = [data, text, f"data:image/png;base64,{text}", tmp_path / "photo.png", rgb, rgb.tolist()]
    expected = np.asarray(pipeline.paint(rgb))
    for png in requests.colorized(pipeline, photos):
        np.testing.assert_array_equal(opened(png), expected)


@pytest.mark.parametrize(
    ("photo", "told"),
    [
        (b"", "empty file"),
        (b"hello", "not a photo of a known format"),
        ("/etc/passwd", "a string that is no base64"),
        (base64.b64encode(b"<svg/>").decode(), "not a photo of a known format"),
        (Path("/nowhere.jpg"), "cannot be read: No such file"),
        (claiming(100_000), "too large to open safely"),
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
        (np.broadcast_to(np.uint8(0), (7000, 7000)), "49.0 megapixels; expected at most 40 of all"),
    ],
)
def test_what_is_no_photo_is_told_and_nothing_is_painted(photo, told, noise):
    with pytest.raises(NotUsable, match=told) as error:
        requests.colorized(None, [noise(4, 5), photo])
    assert str(error.value).startswith("photo 2 of 2: ") and len(str(error.value)) < 400


def test_a_request_may_want_stronger_colours(model_folder, noise):
    pipeline, rgb = pipeline_of(model_folder), np.full((4, 5), 128, "uint8")
    chroma = [
        np.hypot(*reference.rgb2lab(opened(requests.colorized(pipeline, [rgb], strength)[0]))[0, 0, 1:])
        for strength in (0.5, 1.0)
    ]
    assert chroma[0] == pytest.approx(chroma[1] / 2, rel=0.05) and chroma[1] > 30
    with pytest.raises(NotUsable, match="saturation: expected a number from 0"):
        requests.colorized(pipeline, [rgb], 3.0)


def test_many_photos_share_one_limit(noise, monkeypatch):
    with pytest.raises(NotUsable, match="expected 1 to 64 photos in a request, received 65"):
        requests.colorized(None, [b"x"] * 65)
    with pytest.raises(NotUsable, match="received 0"):
        requests.colorized(None, [])
    monkeypatch.setattr(requests, "MAX_REQUEST_PIXELS", 1500)
    for third in (noise(20, 30), file_of(noise(20, 30)), file_of(noise(20, 30), "JPEG")):
        with pytest.raises(NotUsable, match="photo 3 of 3: 0.0 megapixels; expected at most 0 of all photos"):
            requests.colorized(None, [noise(20, 30), noise(20, 30), third])


def test_requests_are_painted_one_after_the_other(noise):
    class Counting:
        now = most = 0

        def paint_in_place(self, images, saturation):
            self.now += 1
            self.most = max(self.most, self.now)
            time.sleep(0.01)
            self.now -= 1

    pipeline = Counting()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: requests.colorized(pipeline, [noise(4, 5)]), range(8)))
    assert pipeline.most == 1, "their photos would be in memory together"


CALLER = """
import json, pathlib, sys
import mlflow
assert "colorize" not in sys.modules
model = mlflow.pyfunc.load_model(sys.argv[1])
photos = [{"image": pathlib.Path(sys.argv[2])}]
assert model.predict(photos, params={"saturation": 0.0})["png"][0] != model.predict(photos)["png"][0]
table = model.predict(photos)
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


@pytest.mark.slow
def test_a_caller_needs_mlflow_and_the_pinned_packages_alone(logged, noise, tmp_path, model_folder):
    tracker = logged("a", register="colorizer")
    (tmp_path / "photo.png").write_bytes(file_of(noise(20, 30)))
    environment = {**os.environ, "MLFLOW_TRACKING_URI": logged.uri}
    environment.pop("PYTHONPATH", None)
    arguments = ["models:/colorizer@champion", str(tmp_path / "photo.png"), str(tmp_path / "painted.png")]
    done = subprocess.run([sys.executable, "-c", CALLER, *arguments], env=environment, cwd=tmp_path,
                          capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = np.asarray(pipeline_of(model_folder).paint(noise(20, 30)))
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
    port = free_port()
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


@pytest.mark.slow
def test_a_server_paints_and_withstands_hostile_requests(served, model_folder, noise):
    rgb = noise(20, 30)
    expected = np.asarray(pipeline_of(model_folder).paint(rgb))

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
        "a damaged photo": {"dataframe_records": [{"image": text(damaged_avif(noise))}]},
        "a bomb": {"dataframe_records": [{"image": text(claiming(100_000))}]},
        "20 MB": {"dataframe_records": [{"image": text(bytes(20_000_000))}]},
        "too many": {"dataframe_records": [photo] * 65},
    }
    for name, request in hostile.items():
        status, answer = asked(served, request)
        assert 400 <= status < 500, f"{name}: {status} {answer[:500]}"
        told = json.loads(answer)
        assert told["message"] and "Traceback" not in answer.decode() and len(answer) < 5000, f"{name}: {answer[:500]}"
        assert name in ("nothing", "no JSON", "no image") or "stack_trace" not in told, f"{name}: {answer[:500]}"
        assert b"root:" not in answer
    assert asked(served, b"<x/>", kind="text/xml")[0] == 415
    with ThreadPoolExecutor(50) as pool:
        list(pool.map(lambda _: assert_paints(), range(50)))
    assert_paints(times=50)
