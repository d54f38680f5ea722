"""The page to try a model on, in a real browser: what is dropped, shown, chosen and downloaded."""

import asyncio
import zipfile
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from browser import browser, needs_browser, until
from demo_process import demo
from PIL import Image

from colorize.demo.page import Page, zipped
from colorize.inference.load import pipeline_of
from colorize.inference.photo_files import photo_of

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what draws the page


class Opened:
    """The page in a browser."""

    def __init__(self, driver):
        self.driver = driver

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def drop(self, *files):
        self.all("input[type=file]")[0].send_keys("\n".join(map(str, files)))

    def cards(self):
        """Name -> what is written on its card."""
        return {card.text.partition("\n")[0]: card.text for card in self.all(".q-card")}

    def pictures(self):
        """Those that are seen: before and after of each photo, from the top; none while one of a pair is on its way."""
        shown = [p for p in self.all(".before-after img") if p.is_displayed() and p.get_property("naturalWidth")]
        return [] if len(shown) % 2 else shown

    def click(self, words):
        """Clicks what is called so."""
        found = [b for b in self.all("button, .q-item, .q-expansion-item__toggle") if words in b.text.lower()]
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", found[0])
        found[0].click()

    def set_slider(self, label, share):
        """Moves the slider beside a label to a share of its way."""
        from selenium.webdriver import ActionChains

        (row,) = [r for r in self.all(".q-expansion-item .nicegui-row") if r.text.startswith(label)]
        (slider,) = row.find_elements("css selector", ".q-slider")
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", slider)
        aside = int((share - 0.5) * slider.size["width"])
        ActionChains(self.driver).move_to_element_with_offset(slider, aside, 0).click().perform()


@contextmanager
def opened(*models, downloads=None, width=1500):
    with demo(*models) as port, browser(downloads, width) as driver:
        driver.get(f"http://127.0.0.1:{port}/")
        page = Opened(driver)
        until(lambda: page.all("input[type=file]"), "a place to drop photos")
        yield page


@pytest.fixture
def photos(tmp_path, noise):
    """Two photos, the first larger than what the page shows; both wider than high."""
    paths = [tmp_path / "grandma.jpg", tmp_path / "garden.png"]
    for path, size in zip(paths, [(1600, 1200), (60, 40)]):
        Image.fromarray(noise(9, 12)).resize(size, Image.Resampling.BICUBIC).save(path, quality=90)
    return paths


@needs_browser
@pytest.mark.slow
def test_photos_are_dropped_compared_by_dragging_and_downloaded(model_folder, photos, tmp_path):
    from selenium.webdriver import ActionChains, Keys

    downloads = tmp_path / "downloads"
    downloads.mkdir()
    (tmp_path / "text.jpg").write_text("no photo")
    (tmp_path / "large.jpg").write_bytes(bytes(33_000_000))
    with opened(model_folder, downloads=downloads) as page:
        page.drop(*photos, tmp_path / "text.jpg")
        until(lambda: len(page.cards()) == 3 and "Painting" not in str(page.cards()), "three photos")
        assert set(page.cards()) == {"text.jpg", "garden.png", "grandma.jpg"}
        assert "not a photo of a known format" in page.cards()["text.jpg"]
        pictures = until(lambda: len(page.pictures()) == 4 and page.pictures(), "no picture beside the error")
        pictures.sort(key=lambda picture: picture.get_property("naturalWidth"))
        assert [p.get_property("naturalWidth") for p in pictures] == [60, 60, 1200, 1200]
        window = page.driver.execute_script("return innerHeight")
        assert all(picture.size["height"] <= 0.7 * window + 1 for picture in pictures)
        assert pictures[2].size == pictures[3].size and pictures[2].location == pictures[3].location

        def share_seen():
            style = pictures[3].get_attribute("style")
            return 100 - float(style.partition("inset(0px ")[2].partition("%")[0])

        large = pictures[3].find_element("xpath", "..")
        page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", large)
        drag = ActionChains(page.driver).move_to_element(large).click_and_hold()
        drag.move_by_offset(-int(0.3 * large.size["width"]), 40).release().perform()
        until(lambda: 18 < share_seen() < 22, "the divider that was dragged")
        large.find_element("css selector", "input").send_keys(Keys.ARROW_RIGHT * 3)
        until(lambda: 21 < share_seen() < 25, "the divider that the keyboard moved")

        page.click("download all")
        file = downloads / "colorized.zip"
        until(file.exists, "the files")
        with zipfile.ZipFile(file) as archive:
            assert set(archive.namelist()) == {"grandma.jpg", "garden.png"}
            painted = {name: Image.open(archive.open(name)) for name in archive.namelist()}
        for photo in photos:
            expected = photo_of(photo.read_bytes())
            pipeline_of(model_folder).paint_in_place([expected.image])
            difference = np.asarray(painted[photo.name]).astype(int) - np.asarray(expected.image)
            assert np.abs(difference).mean() < 1, "the one that was painted, compressed again"

        page.drop(tmp_path / "large.jpg")
        until(lambda: "large.jpg is refused: at most 32 MB" in page.driver.page_source, "the reason")
        (refused,) = [card for card in page.all(".q-card") if card.text.startswith("text.jpg")]
        close = refused.find_element("css selector", "button")
        page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", close)
        close.click()
        until(lambda: set(page.cards()) == {"garden.png", "grandma.jpg"}, "the error removed")


@needs_browser
@pytest.mark.slow
def test_options_paint_what_is_there_anew_and_another_model_too(model_folder, tmp_path):
    from colorize.runs.model_file import PRETRAINED

    with opened(model_folder, PRETRAINED, width=500) as page:
        assert "trained on" in page.driver.page_source, "the model says of itself what it is"
        page.all('button[title="coffee"]')[0].click()
        shown = until(page.pictures, "the painted example")
        assert [p.get_property("naturalWidth") for p in shown] == [600, 600]
        wide = page.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, "a narrow screen is not scrolled sideways"

        def painted():  # looked at once: while it is painted, the card shows none
            return [picture.get_attribute("src") for picture in page.pictures()[:1]]

        def changed_by(change, *given):
            (before,) = until(painted, "the picture before")
            change(*given)
            until(lambda: painted() not in ([], [before]), "another picture")

        page.click("options")
        until(lambda: [r for r in page.all(".q-slider") if r.is_displayed()], "the options")
        changed_by(page.set_slider, "Saturation", 0.9)
        assert "Temperature" not in page.driver.find_element("tag name", "body").text, "its head has none"
        page.all(".q-select")[0].click()
        changed_by(page.click, "photos: trained on 9,033")
        until(lambda: "Temperature" in page.driver.find_element("tag name", "body").text, "a head that has one")
        changed_by(page.set_slider, "Temperature", 0.95)
        page.set_slider("Saturation", 0.0)
        assert until(lambda: "photos: trained on 9,033" in page.cards()["coffee.png"], "the model's name")


def test_what_is_changed_while_photos_are_painted_is_seen_on_all_of_them():
    page = Page.__new__(Page)  # without what draws it
    page.models, page._at_work = None, False
    page.together, page.photos = SimpleNamespace(visible=False), SimpleNamespace(is_deleted=False)
    page.settings = lambda: "as the model was trained"
    page.saturation = SimpleNamespace(value=1.0)
    changes, log = iter([0.5, 2.0]), []

    class Card:
        asked = None

        async def paint(self, models, settings, saturation):
            self.asked = settings, saturation
            log.append("begun")
            page.saturation.value = next(changes, page.saturation.value)
            await page.paint_all()  # as the slider does: returns at once
            log.append("ended")

    page.cards = [Card(), Card(), Card()]
    asyncio.run(page.paint_all())
    assert {card.asked for card in page.cards} == {("as the model was trained", 2.0)}
    assert log == ["begun", "ended"] * 5, "one at a time: two with settings that were changed, three with the last"
    assert not page._at_work


def test_files_of_one_name_are_numbered():
    import io

    with zipfile.ZipFile(io.BytesIO(zipped([("a.jpg", b"1"), ("b.png", b"2"), ("a.jpg", b"3"), ("a.jpg", b"4")]))) as z:
        assert {name: z.read(name) for name in z.namelist()} == {
            "a.jpg": b"1", "b.png": b"2", "a (2).jpg": b"3", "a (3).jpg": b"4",
        }  # fmt: skip
