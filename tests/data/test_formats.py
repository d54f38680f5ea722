"""Formats: which are read, how their names end, and what is said of those that a plug-in would read."""

import importlib.util
import io

import pytest
from messages import refused
from PIL import Image

from colorize.data import formats
from colorize.data.decode import NotUsable, decode
from colorize.errors import PlugInMissing

pytestmark = pytest.mark.once

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
JXL = b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(8)


@pytest.fixture
def without_plug_ins(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name in formats.PLUG_INS else find(name))
    formats.known_formats.cache_clear(), formats.endings.cache_clear()
    yield
    formats.known_formats.cache_clear(), formats.endings.cache_clear()


@pytest.mark.parametrize("ending", [".jpf", ".rgb", ".JPG", ".mpo", ".apng", ".j2c", ".avif", ".heic", ".jxl", ".dib"])
def test_unusual_endings_of_formats_that_are_read_are_known(ending):
    assert formats.is_photo(f"a{ending}")


@pytest.mark.parametrize("name", ["a.pdf", "a.psd", "a.eps", "a.txt", "jpg", "a"])
def test_what_is_no_photo_or_could_start_a_program_is_not(name):
    assert not formats.is_photo(name)


@pytest.mark.parametrize(("start", "key"), [(HEIC, "data.formats.heic"), (JXL, "data.formats.jpeg_xl")])
def test_without_the_plug_in_the_command_that_installs_it_is_said(start, key, without_plug_ins):
    with refused(key, error=PlugInMissing):
        decode(start + bytes(100))
    assert formats.is_photo("a.heic"), "so that it is not left out without a word"


@pytest.mark.parametrize(("module", "format"), formats.PLUG_INS.items())
def test_with_the_plug_in_it_is_read(module, format):
    pytest.importorskip(module, reason="of the extra `formats`")
    assert format in formats.known_formats()
    content = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 100, 50)).save(content, format, quality=95)
    picture = decode(content.getvalue())
    assert picture.image.size == (40, 30) and picture.format == format
    assert abs(picture.pixels.astype(int) - [200, 100, 50]).max() <= 6


def test_a_file_of_none_of_them_is_refused():
    with refused("data.formats.unknown", error=NotUsable):
        decode(b"%PDF-1.7" + bytes(100))
