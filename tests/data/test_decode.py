"""Reading a photo: every kind of file becomes upright 8-bit sRGB, or says why not."""

import io
import re
import warnings

import numpy as np
import pytest
from evil import claiming
from icc import adobe_rgb, adobe_to_srgb, linear_grey
from messages import assert_wording, refused
from PIL import Image, ImageCms

from colorize.data.decode import NotUsable, _plain_jpeg, centred_box, decode

pytestmark = pytest.mark.once


def save(path, image, **options):
    image.save(path, **options)
    return path


def read_photo(path):
    return decode(path.read_bytes()).image


PICTURE = np.random.default_rng(1).integers(0, 256, (6, 9, 3)).astype("uint8")


def test_reading_keeps_rgb_as_it_is(tmp_path):
    path = save(tmp_path / "a.png", Image.fromarray(PICTURE))
    np.testing.assert_array_equal(np.asarray(read_photo(path)), PICTURE)


def test_exif_turns_the_photo_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held so that the picture must turn by 90 degrees clockwise
    path = save(tmp_path / "a.png", Image.fromarray(PICTURE), exif=exif)
    np.testing.assert_array_equal(np.asarray(read_photo(path)), np.rot90(PICTURE, k=-1))


def test_alpha_is_laid_on_white(tmp_path):
    rgba = np.dstack([np.full((2, 3, 3), 100, "uint8"), np.array([[0, 255, 128]] * 2, "uint8")])
    seen = np.asarray(read_photo(save(tmp_path / "a.png", Image.fromarray(rgba))))
    np.testing.assert_array_equal(seen[0, :, 0], [255, 100, 177])


def test_palettes_and_colours_that_stand_for_transparency_are_laid_on_white_too(tmp_path):
    palette = Image.fromarray(np.array([[0, 1]], "uint8"), "L").convert("P")
    palette.putpalette([10, 20, 30, 200, 100, 50])
    seen = np.asarray(read_photo(save(tmp_path / "p.png", palette, transparency=0)))
    np.testing.assert_array_equal(seen[0], [[255, 255, 255], [200, 100, 50]])


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    deep = np.array([[0, 257 * 100, 65535]], "uint16")
    seen = np.asarray(read_photo(save(tmp_path / "a.png", Image.fromarray(deep))))
    np.testing.assert_array_equal(seen[0, :, 0], [0, 100, 255])


def test_cmyk_is_what_a_second_conversion_says(tmp_path):
    ink = np.array([[[0, 255, 255, 0], [255, 0, 0, 0], [0, 0, 0, 255], [0, 0, 0, 0]]], "uint8")
    seen = np.asarray(read_photo(save(tmp_path / "a.tif", Image.fromarray(ink, "CMYK"))))
    np.testing.assert_array_equal(seen[0], [[255, 0, 0], [0, 255, 255], [0, 0, 0], [255, 255, 255]])


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_of_several_frames_the_first_is_taken(format, tmp_path):
    frames = [Image.new("RGB", (9, 6), colour) for colour in ("red", "blue")]
    content = io.BytesIO()
    frames[0].save(content, format, save_all=True, append_images=frames[1:], lossless=True)
    picture = decode(content.getvalue())
    assert "first of 2 frames" in picture.converted
    np.testing.assert_allclose(np.asarray(picture.image)[2, 3], [255, 0, 0], atol=2)


def test_what_a_decoder_says_is_one_line():
    assert str(NotUsable.damaged(ValueError("no\n  such box"))) == "damaged: no such box"
    assert str(NotUsable.damaged(KeyError())) == "damaged: KeyError"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_exif_says(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = io.BytesIO()
    Image.fromarray(PICTURE).save(content, "PNG", exif=exif)
    rows_first = [  # EXIF 2.3, table of tag 274: where row 0 and column 0 of the file are seen
        lambda p: p, lambda p: p[:, ::-1], lambda p: p[::-1, ::-1], lambda p: p[::-1],
        lambda p: p.transpose(1, 0, 2), lambda p: p.transpose(1, 0, 2)[:, ::-1],
        lambda p: p.transpose(1, 0, 2)[::-1, ::-1], lambda p: p.transpose(1, 0, 2)[::-1],
    ]  # fmt: skip
    picture = decode(content.getvalue())
    np.testing.assert_array_equal(np.asarray(picture.image), rows_first[orientation - 1](PICTURE))
    assert ("turned by EXIF" in picture.converted) == (orientation > 1)


def test_a_wide_gamut_profile_makes_colours_stronger():
    # Adobe RGB (1998), its matrix and gamma written as an ICC profile by hand: its green is far outside of sRGB.
    wide = io.BytesIO()
    colour = np.full((4, 6, 3), (120, 180, 90), "uint8")
    Image.fromarray(colour).save(wide, "PNG", icc_profile=adobe_rgb())
    seen = np.asarray(decode(wide.getvalue()).image)[0, 0]
    np.testing.assert_allclose(seen, adobe_to_srgb([120, 180, 90]), atol=2)


@pytest.mark.parametrize("kind", ["palette", "alpha", "grey", "grey with alpha", "sixteen bits"])
def test_a_profile_is_honoured_in_every_mode(kind):
    """A grey profile of gamma 1, or Adobe RGB: both far from sRGB."""
    colour = Image.new("RGB", (6, 4), (120, 180, 90))
    made = {
        "palette": colour.convert("P", palette=Image.Palette.ADAPTIVE),
        "alpha": colour.convert("RGBA"),
        "grey": Image.new("L", (6, 4), 120),
        "grey with alpha": Image.new("LA", (6, 4), (120, 255)),
        "sixteen bits": Image.fromarray(np.full((4, 6), 120 * 257, "uint16")),
    }[kind]
    is_grey = kind in ("grey", "grey with alpha", "sixteen bits")
    content = io.BytesIO()
    made.save(content, "PNG", icc_profile=linear_grey() if is_grey else adobe_rgb())
    seen = np.asarray(decode(content.getvalue()).image)[0, 0]
    linear = 120 / 255  # of gamma 1: sRGB's curve makes it lighter
    expected = [255 * (1.055 * linear ** (1 / 2.4) - 0.055)] * 3 if is_grey else adobe_to_srgb([120, 180, 90])
    np.testing.assert_allclose(seen, expected, atol=3)


def test_a_large_jpeg_is_decoded_small_and_looks_the_same(tmp_path):
    rows, columns = np.mgrid[:600, :900]
    smooth = np.stack([rows // 3, columns // 4, (rows + columns) // 6], axis=-1).astype("uint8")
    content = io.BytesIO()
    Image.fromarray(smooth).save(content, "JPEG", quality=95)
    whole, small = decode(content.getvalue()).image, decode(content.getvalue(), wanted=(40, 60)).image
    assert whole.size == (900, 600) and 120 <= small.width <= 460 and small.height >= 80
    difference = np.asarray(whole.resize((60, 40))).astype(int) - np.asarray(small.resize((60, 40)))
    assert np.abs(difference).mean() < 1


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
def test_the_fast_way_for_plain_jpegs_gives_pillows_pixels(progressive, subsampling):
    content = io.BytesIO()
    picture = Image.fromarray(PICTURE).resize((83, 57), Image.Resampling.BICUBIC)
    picture.save(content, "JPEG", progressive=progressive, subsampling=subsampling)
    assert _plain_jpeg(content.getvalue(), None) is not None
    with Image.open(content) as expected:
        np.testing.assert_array_equal(np.asarray(decode(content.getvalue()).image), np.asarray(expected))


def test_a_jpeg_with_anything_to_convert_goes_the_other_way(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    odd = {"exif": exif}, {"icc_profile": b"nonsense"}
    for options in odd:
        assert _plain_jpeg(save(tmp_path / "a.jpg", Image.fromarray(PICTURE), **options).read_bytes(), None) is None
    for mode in ("L", "CMYK"):
        path = save(tmp_path / "a.jpg", Image.fromarray(PICTURE).convert(mode))
        assert _plain_jpeg(path.read_bytes(), None) is None


def test_pixels_without_a_range_are_not_guessed(tmp_path):
    unknown = {
        "data.photo.fractions": np.ones((4, 6), "float32"),
        "data.photo.32_bits": np.full((4, 6), 70000, "int32"),
    }
    for key, pixels in unknown.items():
        path = save(tmp_path / "a.tif", Image.fromarray(pixels))
        with refused(key, NotUsable):
            read_photo(path)


def test_a_profile_is_honoured_and_a_broken_one_ignored(tmp_path):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = save(tmp_path / "a.png", Image.fromarray(PICTURE), icc_profile=lab)
    assert np.abs(np.asarray(read_photo(same)).astype(int) - PICTURE).max() <= 1
    broken = save(tmp_path / "b.png", Image.fromarray(PICTURE), icc_profile=b"nonsense")
    np.testing.assert_array_equal(np.asarray(read_photo(broken)), PICTURE)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "CMYK", "RGBA"])
def test_every_mode_becomes_rgb(mode, tmp_path):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.fromarray(PICTURE).convert(mode).save(path)
    photo = read_photo(path)
    assert photo.mode == "RGB" and photo.size == (9, 6)


@pytest.mark.parametrize(
    "key", ["data.photo.truncated", "data.photo.empty", "data.photo.text", "data.photo.of_another_format"]
)
def test_a_file_that_is_no_photo_is_refused(key, tmp_path):
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype("uint8")).save(whole, "JPEG")
    page = io.BytesIO()
    Image.fromarray(PICTURE).save(page, "PDF")
    content = {
        "data.photo.truncated": whole.getvalue()[:1500],
        "data.photo.empty": b"",
        "data.photo.text": b"hello",
        "data.photo.of_another_format": page.getvalue(),
    }
    path = tmp_path / "photo.jpg"
    path.write_bytes(content[key])
    with pytest.raises(NotUsable) as raised:
        read_photo(path)
    assert_wording(key, re.sub(r"\d+ bytes", "SOME bytes", str(raised.value)))


def test_a_decompression_bomb_is_refused_from_its_header(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    path = save(tmp_path / "bomb.png", Image.fromarray(PICTURE))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with refused("data.photo.larger_than_a_lowered_limit", NotUsable):
            read_photo(path)


def test_a_bomb_is_told_by_its_header_alone():
    with refused("data.photo.bomb", NotUsable):
        decode(claiming(100_000))  # decoding it would need 30 GB


def test_the_centred_box_has_the_shape_and_fits():
    assert centred_box((256, 128), 64, 128) == (0, 0, 256, 128)
    assert centred_box((100, 100), 64, 128) == (0, 25, 100, 75)
    assert centred_box((300, 100), 64, 128) == (50, 0, 250, 100)


@pytest.mark.parametrize("size", [(1835, 1835), (997, 331), (17, 901), (333, 334)])
def test_any_shape_fits_into_any_other(size):
    for height, width in ((112, 112), (144, 176), (224, 224), (13, 57)):
        left, top, right, bottom = centred_box(size, height, width)
        assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
        assert (right - left) / (bottom - top) == pytest.approx(width / height)


def test_a_large_photo_waits_for_the_lock(files, monkeypatch):
    from colorize.data import decode

    monkeypatch.setattr(decode, "LARGE_PIXELS", 100)
    entered = []

    class Lock:
        def __enter__(self):
            entered.append(True)

        def __exit__(self, *error):
            return None

    content = io.BytesIO()
    Image.new("RGB", (30, 20)).save(content, "PNG")
    decode.decode(content.getvalue(), lock=Lock())
    monkeypatch.setattr(decode, "LARGE_PIXELS", 10_000)
    decode.decode(content.getvalue(), lock=Lock())
    assert entered == [True]
