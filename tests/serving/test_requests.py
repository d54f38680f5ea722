"""What a request may hold, and what is painted of it."""

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from evil import claiming
from messages import refused
from photo_bytes import file_of, opened
from skimage import color as reference

from colorize.data.decode import NotUsable
from colorize.inference.load import pipeline_of
from colorize.serving import requests

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


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
    ("photo", "key", "received"),
    [
        (b"", "serving.photo.empty", None),
        (b"hello", "serving.photo.unknown_format", None),
        ("/etc/passwd", "serving.photo.no_base64", None),
        (base64.b64encode(b"<svg/>").decode(), "serving.photo.unknown_format", None),
        (Path("/nowhere.jpg"), "serving.photo.missing", None),
        (claiming(100_000), "serving.photo.too_large", None),
        (bytes(16_000_001), "serving.photo.bytes", None),
        ("A" * 33_000_000, "serving.photo.characters", None),
        (3, "serving.photo.kind", "int"),
        (None, "serving.photo.kind", "NoneType"),
        ({"a": 1}, "serving.photo.kind", "dict"),
        ([[1, 2], [3]], "serving.photo.lists", None),
        ([["a"]], "serving.photo.kind", "<U1 of shape (1, 1)"),
        ([[300]], "serving.photo.kind", "int64 of shape (1, 1)"),
        (np.zeros((4, 5, 3)), "serving.photo.kind", "float64 of shape (4, 5, 3)"),
        (np.zeros((4, 5, 4), "uint8"), "serving.photo.kind", "uint8 of shape (4, 5, 4)"),
        (np.broadcast_to(np.uint8(0), (7000, 7000)), "serving.photo.pixels", None),
    ],
)
def test_what_is_no_photo_is_told_and_nothing_is_painted(photo, key, received, noise):
    with refused(key, error=NotUsable, **({"received": received} if received else {})) as raised:
        requests.colorized(None, [noise(4, 5), photo])
    assert str(raised.value).startswith("photo 2 of 2: ") and len(str(raised.value)) < 400


def test_a_request_may_want_stronger_colours(model_folder, noise):
    pipeline, rgb = pipeline_of(model_folder), np.full((4, 5), 128, "uint8")
    chroma = [
        np.hypot(*reference.rgb2lab(opened(requests.colorized(pipeline, [rgb], strength)[0]))[0, 0, 1:])
        for strength in (0.5, 1.0)
    ]
    assert chroma[0] == pytest.approx(chroma[1] / 2, rel=0.05) and chroma[1] > 30
    with refused("saturation.range", error=NotUsable, received=3.0):
        requests.colorized(pipeline, [rgb], 3.0)


def test_many_photos_share_one_limit(noise, monkeypatch):
    with refused("serving.request.photos", error=NotUsable, received=65):
        requests.colorized(None, [b"x"] * 65)
    with refused("serving.request.photos", error=NotUsable, received=0):
        requests.colorized(None, [])
    monkeypatch.setattr(requests, "MAX_REQUEST_PIXELS", 1500)
    for third in (noise(20, 30), file_of(noise(20, 30)), file_of(noise(20, 30), "JPEG")):
        with refused("serving.request.pixels", error=NotUsable):
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
