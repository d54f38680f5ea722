"""A run's model behind a server that is asked over HTTP."""

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from browser import free_port
from evil import claiming
from photo_bytes import damaged_avif, file_of, opened

from colorize.inference.load import pipeline_of

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


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
