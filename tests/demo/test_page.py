"""The page to try a model on, in a real browser: what is dropped, shown, chosen and downloaded."""

import http.client
import os
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import psutil
import pytest
from browser import browser, free_port, is_open, needs_browser, until
from messages import refused
from PIL import Image

from colorize.config.base import PROJECT
from colorize.data.decode import NotUsable
from colorize.demo.page import colorize_file
from colorize.inference.load import pipeline_of
from colorize.inference.photo_files import photo_of
from colorize.inference.write_photo import encode

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what draws the page


@pytest.fixture
def photo(tmp_path, noise):
    """A photo that is larger than what the page shows."""
    path = tmp_path / "grandma.jpg"
    Image.fromarray(noise(9, 12)).resize((1600, 1200), Image.Resampling.BICUBIC).save(path, quality=90)
    return path


@contextmanager
def demo(*arguments):
    """`python -m colorize demo` in a process of its own; yields its port."""
    port = free_port()
    command = [sys.executable, "-m", "colorize", "demo", *map(str, arguments), "--port", str(port), "--no-browser"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    environment.pop("PYTEST_CURRENT_TEST", None)  # NiceGUI would take itself for one of its own tests
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until(lambda: is_open(port) or process.poll() is not None, "its page")
        assert process.poll() is None, process.stdout.read()
        yield port
    finally:
        process.kill()
        process.communicate()


@needs_browser
def test_a_photo_is_dropped_seen_painted_and_downloaded(model_folder, photo, tmp_path):
    from selenium.webdriver.common.by import By

    downloads = tmp_path / "downloads"
    downloads.mkdir()
    with demo(model_folder) as port, browser(downloads) as page:
        page.get(f"http://127.0.0.1:{port}/")
        drop = until(lambda: page.find_elements(By.CSS_SELECTOR, "input[type=file]"), "a place to drop a photo")[0]
        assert str(model_folder) in page.page_source, "the model"
        drop.send_keys(str(photo))
        until(lambda: "left grey, right painted by" in page.page_source, "the painted photo")
        pictures = until(lambda: two_pictures(page), "two pictures")
        assert [picture.get_property("naturalWidth") for picture in pictures] == [1200, 1200]

        def share_of_grey() -> str:
            return page.find_element(By.CSS_SELECTOR, "[style*=clip-path]").get_attribute("style")

        assert "50%" in share_of_grey()
        thumb = page.find_element(By.CSS_SELECTOR, ".q-slider")
        page.execute_script("arguments[0].scrollIntoView()", thumb)
        from selenium.webdriver import ActionChains

        width = thumb.size["width"]
        ActionChains(page).move_to_element_with_offset(thumb, int(0.3 * width), 0).click().perform()  # from its middle
        until(
            lambda: "clip-path: inset(0px 2" in share_of_grey() or "inset(0px 1" in share_of_grey(), "another division"
        )

        def shown_at(value):
            """The picture that the page shows once the dial stands there."""
            before = two_pictures(page)[0].get_attribute("src")
            dial = page.find_elements(By.CSS_SELECTOR, ".q-slider")[1]
            inside = int((value / 2 - 0.5) * dial.size["width"])
            ActionChains(page).move_to_element_with_offset(dial, inside, 0).click().perform()
            return until(lambda: two_pictures(page) and two_pictures(page)[0].get_attribute("src") != before, "it")

        assert shown_at(1.9)
        assert shown_at(1.0)
        (button,) = [b for b in page.find_elements(By.CSS_SELECTOR, "button") if "Download" in b.text.title()]
        button.click()
        file = downloads / "grandma.jpg"
        until(file.exists, "the file")
        with Image.open(file) as painted, Image.open(photo) as before:
            assert painted.size == before.size == (1600, 1200)
            expected = photo_of(photo.read_bytes())
            pipeline_of(model_folder).paint_in_place([expected.image])
            difference = np.asarray(painted).astype(int) - np.asarray(expected.image)
        assert np.abs(difference).mean() < 1, "the one that was painted, compressed again"

        drop = page.find_elements(By.CSS_SELECTOR, "input[type=file]")[0]
        (tmp_path / "text.jpg").write_text("no photo")
        drop.send_keys(str(tmp_path / "text.jpg"))
        until(lambda: "text.jpg: not a photo of a known format" in page.page_source, "the reason")


@needs_browser
def test_an_example_is_painted_at_a_click(model_folder):
    def named_coffee():
        return [b for b in page.find_elements("css selector", "button") if b.text.lower() == "coffee"]

    with demo(model_folder) as port, browser() as page:
        page.get(f"http://127.0.0.1:{port}/")
        until(named_coffee, "the example")[0].click()
        until(lambda: "coffee.png: left grey, right painted by" in page.page_source, "the painted photo")
        pictures = until(lambda: two_pictures(page), "two pictures")
        assert [picture.get_property("naturalWidth") for picture in pictures] == [600, 600]


def two_pictures(page):
    found = page.find_elements("css selector", ".q-img__image")
    return found if len(found) == 2 and all(p.get_property("naturalWidth") for p in found) else None


def test_it_is_for_this_machine_alone_and_takes_no_more_than_it_says(model_folder):
    with demo(model_folder) as port:

        def asked(headers, body=None, method="GET"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request(method, "/", body, headers)
            return connection.getresponse().status

        assert asked({}) == 200
        assert asked({"Host": "evil.example"}) == 400, "another name for this machine, as a page elsewhere might use"
        assert asked({"Content-Length": "99000000"}, b"", "POST") == 413
        assert asked({"Transfer-Encoding": "chunked"}, iter([b"0"]), "POST") == 411
        listening = [c.laddr for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        assert [place.ip for place in listening if place.port == port] == ["127.0.0.1"]


def test_what_is_dropped_has_limits(model_folder, monkeypatch, photo):
    pipeline = pipeline_of(model_folder)
    with refused("demo.bytes", error=NotUsable):
        colorize_file(pipeline, bytes(33_000_000), "large.jpg")
    monkeypatch.setattr("colorize.demo.page.MAX_PIXELS", 1_000_000)
    with refused("demo.pixels", error=NotUsable):
        colorize_file(pipeline, photo.read_bytes().replace(b"JFIF", b"JFIX"), "many.jpg")


def test_the_painted_file_is_what_the_command_would_write(model_folder, photo):
    import io

    pipeline = pipeline_of(model_folder)
    painted = colorize_file(pipeline, photo.read_bytes(), "grandma.jpg")
    expected, content = photo_of(photo.read_bytes()), io.BytesIO()
    pipeline.paint_in_place([expected.image])
    encode(expected, content)
    full = painted.full_size(1.0)
    assert np.array_equal(*[np.asarray(Image.open(io.BytesIO(d))) for d in (full, content.getvalue())])
    assert painted.shown(1.0).size == painted.grey.size == (1200, 900)
    grey, vivid = [np.ptp(np.asarray(painted.shown(s)).astype(int), axis=-1).mean() for s in (0.0, 1.0)]
    assert grey < 1 < vivid
    assert np.ptp(np.asarray(painted.grey).astype(int), axis=-1).max() <= 1
