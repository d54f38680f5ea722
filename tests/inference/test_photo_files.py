"""Photos on disk: formats, and what of a file is kept."""

import io
import struct

import numpy as np
import pytest
from evil import claiming
from messages import assert_wording, refused
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from colorize.data.decode import NotUsable, without_warnings
from colorize.inference.jobs import plan_for
from colorize.inference.photo_files import read
from colorize.inference.write_photo import write

pytestmark = pytest.mark.once

Base = ExifTags.Base
FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "tif": "TIFF", "bmp": "BMP"}


def repainted(source, target):
    """Reads a photo, turns its colours round, writes it, and opens what was written."""
    with without_warnings():
        photo = read(source)
        photo.image = Image.fromarray(np.asarray(photo.image)[..., ::-1].copy())
        write(photo, target)
    with Image.open(target) as image:
        image.load()
        image.getexif().get_ifd(ExifTags.IFD.Exif)
        image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    return image


def exif_of_a_camera() -> Image.Exif:
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Artist], exif[Base.Copyright] = "Lumix", "Ada", "CC0"
    exif[Base.Orientation], exif[Base.WhitePoint] = 6, (0.31, 0.33)
    exif[Base.XResolution] = 300.0
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[Base.DateTimeOriginal], details[Base.ExposureTime] = "2020:02:02 02:02:02", 0.01
    details[Base.ColorSpace], details[Base.ExifImageWidth], details[Base.ExifImageHeight] = 65535, 30, 20
    exif.get_ifd(ExifTags.IFD.GPSInfo)[1] = "N"
    return exif


@pytest.mark.parametrize("ending", FORMATS)
def test_a_photo_keeps_its_format_name_and_pixels(ending, tmp_path, noise):
    smooth = Image.fromarray(noise(5, 7)).resize((70, 50), Image.Resampling.BICUBIC)
    source, target = tmp_path / f"a.{ending}", tmp_path / "out" / f"a.{ending}"
    smooth.save(source, quality=95)
    written = repainted(source, target)
    assert written.format == FORMATS[ending] and written.size == (70, 50)
    with Image.open(source) as image:
        expected = np.asarray(image.convert("RGB"))[..., ::-1].astype(int)
    allowed = 12 if ending in ("jpg", "webp") else 0  # these two compress again
    assert np.abs(np.asarray(written.convert("RGB")) - expected).max() <= allowed
    assert [path.name for path in target.parent.iterdir()] == [target.name]


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_metadata_is_kept_but_for_what_is_no_longer_true(ending, tmp_path, noise):
    source = tmp_path / f"a.{ending}"
    about = b'tiff:Orientation="6" photoshop:ICCProfile="P3" dc:creator="Ada"'
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r ' + about + b"/></x:xmpmeta>"
    how = {"exif": exif_of_a_camera(), "dpi": (300, 300)}
    if ending == "png":
        how["pnginfo"] = PngImagePlugin.PngInfo()
        how["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
        how["pnginfo"].add_text("Title", "Grandmother")
    else:
        how["xmp"] = xmp
    if ending == "tif":
        how.pop("xmp")
        how["exif"][Base.XMLPacket] = xmp
    how["exif"] = how["exif"].tobytes()
    Image.fromarray(noise(20, 30)).save(source, **how)
    written = repainted(source, tmp_path / "out" / source.name)
    assert written.size == (20, 30), "turned by EXIF"
    exif = written.getexif()
    assert (exif[Base.Make], exif[Base.Artist], exif[Base.Copyright]) == ("Lumix", "Ada", "CC0")
    assert exif.get(Base.Orientation, 1) == 1 and Base.WhitePoint not in exif
    details = exif.get_ifd(ExifTags.IFD.Exif)
    assert details[Base.DateTimeOriginal] == "2020:02:02 02:02:02"
    assert details[Base.ColorSpace] == 1 and (details[Base.ExifImageWidth], details[Base.ExifImageHeight]) == (20, 30)
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"
    kept = written.info.get("xmp") or written.info.get("XML:com.adobe.xmp", "").encode()
    assert b'dc:creator="Ada"' in kept and b"Orientation" not in kept and b"ICCProfile" not in kept
    if ending != "webp":
        assert written.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    if ending == "png":
        assert written.text["Title"] == "Grandmother"
    profile = ImageCms.ImageCmsProfile(io.BytesIO(written.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)


@pytest.mark.parametrize("ending", ["png", "webp", "tif"])
def test_what_is_transparent_stays_so(ending, tmp_path, noise):
    rgba = np.concatenate([noise(20, 30), noise(20, 30)[..., :1]], axis=-1)
    source = tmp_path / f"a.{ending}"
    Image.fromarray(rgba).save(source, **({"lossless": True, "exact": True} if ending == "webp" else {}))
    written = repainted(source, tmp_path / "out" / source.name)
    assert written.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(written)[..., 3], rgba[..., 3])


def test_what_is_not_written_as_it_was_becomes_png(tmp_path, noise):
    for name in ("anim.gif", "old.ppm"):
        Image.fromarray(noise(20, 30)).save(tmp_path / name)
        (job,) = plan_for([tmp_path / name], tmp_path / "out").jobs
        assert job.target == tmp_path / "out" / f"{name}.png" and job.pixels == 600
        assert repainted(job.source, job.target).format == "PNG"


def test_the_caption_of_an_archive_is_kept(tmp_path, noise):
    caption = b"\x1c\x02\x78\x00\x05Ada's"[:9]
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + (9).to_bytes(4, "big") + caption + b"\0"
    block += b"8BIM\x04\x0f\0\0" + (4).to_bytes(4, "big") + b"icc!"  # a profile, which is no longer true
    segment = b"\xff\xed" + (len(block) + 2).to_bytes(2, "big") + block
    Image.fromarray(noise(20, 30)).save(tmp_path / "a.jpg", extra=segment)
    written = repainted(tmp_path / "a.jpg", tmp_path / "out.jpg")
    assert written.info["photoshop"] == {0x0404: caption}


def test_exif_that_cannot_be_written_costs_nothing_but_itself(tmp_path, noise, monkeypatch):
    Image.fromarray(noise(20, 30)).save(tmp_path / "a.jpg", exif=exif_of_a_camera())

    def fails(exif):
        raise struct.error("'L' format requires 0 <= number")

    monkeypatch.setattr(Image.Exif, "tobytes", fails)
    written = repainted(tmp_path / "a.jpg", tmp_path / "out.jpg")
    assert written.size == (20, 30) and not written.getexif()


def test_more_pixels_than_pillow_opens_are_refused_and_a_photo_of_a_hundred_megapixels_is_not(tmp_path):
    for side, key in ((10_000, "photo.damaged"), (20_000, "photo.too_large")):
        (tmp_path / "a.png").write_bytes(claiming(side))
        with without_warnings(), pytest.raises(NotUsable) as raised:
            read(tmp_path / "a.png")
        pillows = str(raised.value.__context__)
        assert_wording(key, str(raised.value), **({"reason": pillows} if pillows else {}))


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff nothing")
    with refused("photo.unknown_format", error=NotUsable):
        read(tmp_path / "bad.jpg")
    with refused("photo.missing", error=NotUsable):
        read(tmp_path / "gone.jpg")


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path, noise, monkeypatch):
    Image.fromarray(noise(8, 9)).save(tmp_path / "a.png")
    photo = read(tmp_path / "a.png")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError):
        write(photo, tmp_path / "file" / "a.png")

    def full(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="disk full"):
        write(photo, tmp_path / "out" / "a.png")
    assert list((tmp_path / "out").iterdir()) == []
