"""Samples of other than 8 bits come out by what the file says of them, or the file is refused by name."""

import io
import zlib
from contextlib import suppress

import numpy as np
import pytest
import tifffile
from icc import adobe_rgb, adobe_to_srgb, linear_grey
from imagecodecs import png_encode
from messages import refused
from PIL import Image

from colorize.data.decode import NotUsable, decode, decode_in_thread, without_warnings
from colorize.data.sixteen_bit import TURNS
from colorize.data.srgb import TURNS as OF_PILLOW

pytestmark = pytest.mark.once

DEEP = np.random.default_rng(0).integers(0, 65536, (6, 9, 4)).astype("uint16")
"""RGB and opacity, not square."""


def tiff(pixels, **options) -> bytes:
    content = io.BytesIO()
    tifffile.imwrite(content, pixels, **options)
    return content.getvalue()


def kept(data: bytes):
    with without_warnings():
        return decode_in_thread(data, keeps_all=True)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("bits", [2, 4, 6, 10, 12, 14, 16])
def test_grey_of_every_depth_is_black_and_white_where_the_file_says_so(bits, photometric):
    largest = 2**bits - 1
    grey = (
        np.random.default_rng(bits)
        .integers(0, largest, (6, 9), endpoint=True)
        .astype("uint16" if bits > 8 else "uint8")
    )
    picture = decode(tiff(grey, bitspersample=bits, photometric=photometric))
    share = grey / largest if photometric == "minisblack" else 1 - grey / largest
    np.testing.assert_allclose(picture.pixels, np.repeat(share[..., None] * 255, 3, axis=-1), atol=0.501)
    assert picture.converted == (f"{bits} bits scaled to 8",)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits"])
@pytest.mark.parametrize("layout", ["contig", "separate", "tiles", "big-endian"])
def test_rgb_keeps_all_16_bits_however_it_is_stored(compression, layout):
    rgb = DEEP[..., :3]
    options = {"photometric": "rgb", "compression": compression}
    if layout == "separate":
        data = tiff(np.moveaxis(rgb, -1, 0), planarconfig="separate", **options)
    elif layout == "tiles":
        data = tiff(rgb, tile=(16, 16), **options)
    else:
        data = tiff(rgb, byteorder=">" if layout == "big-endian" else "<", **options)
    picture = kept(data)
    np.testing.assert_array_equal(picture.deep, rgb)
    np.testing.assert_array_equal(picture.pixels, np.rint(rgb / 257))
    assert picture.converted == ()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_png_of_16_bits_keeps_them_all(channels):
    given = DEEP[..., 0].copy() if channels == 1 else np.ascontiguousarray(DEEP[..., :channels])
    picture = kept(bytes(png_encode(given)))
    expected = np.repeat(given[..., None], 3, axis=-1) if channels == 1 else given
    np.testing.assert_array_equal(picture.deep, expected)
    assert (picture.alpha is not None) == (channels == 4)


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_what_is_transparent_is_laid_on_white_where_it_is_not_kept(kind):
    opacity = DEEP[..., 3:] / 65535
    colours = np.rint(DEEP[..., :3] * (opacity if kind == "assocalpha" else 1)).astype("uint16")
    data = tiff(np.dstack([colours, DEEP[..., 3]]), photometric="rgb", extrasamples=[kind])
    expected = DEEP[..., :3] / 257 * opacity + 255 * (1 - opacity)
    np.testing.assert_allclose(decode(data).pixels, expected, atol=1.6)  # rounded to 8 bits twice
    np.testing.assert_array_equal(kept(data).deep[..., 3], DEEP[..., 3])


@pytest.mark.parametrize("orientation", OF_PILLOW)
def test_every_orientation_turns_16_bits_as_it_turns_8(orientation):
    eight = (DEEP[..., :3] >> 8).astype("uint8")
    turned = np.asarray(Image.fromarray(eight).transpose(OF_PILLOW[orientation]))
    np.testing.assert_array_equal(TURNS[orientation](eight), turned)
    data = tiff(DEEP[..., :3], photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    np.testing.assert_array_equal(kept(data).deep, TURNS[orientation](DEEP[..., :3]))


@pytest.mark.parametrize(
    ("type", "count", "value", "turn"),
    [("B", 1, 6, 6), ("H", 2, (6, 1), 6), ("I", 1, 3, 3), ("s", 2, "6", 1), ("H", 1, 9, 1), ("H", 1, 0, 1)],
)
def test_an_orientation_that_is_written_oddly_counts_where_it_is_one_of_the_eight(type, count, value, turn):
    data = tiff(DEEP[..., :3], photometric="rgb", extratags=[(274, type, count, value, True)])
    turned = TURNS[turn](DEEP[..., :3]) if turn > 1 else DEEP[..., :3]
    np.testing.assert_array_equal(kept(data).deep, turned)
    eight = tiff((DEEP[..., :3] >> 8).astype("uint8"), photometric="rgb", extratags=[(274, type, count, value, True)])
    np.testing.assert_array_equal(kept(eight).pixels, turned >> 8)


def test_a_profile_of_colours_is_applied_as_by_hand():
    eight = np.random.default_rng(2).integers(0, 256, (6, 9, 3))
    picture = kept(tiff((eight * 257).astype("uint16"), photometric="rgb", iccprofile=adobe_rgb()))
    expected = [adobe_to_srgb(colour) for colour in eight.reshape(-1, 3)]
    np.testing.assert_allclose(picture.deep.reshape(-1, 3) / 257, expected, atol=0.5)
    assert picture.converted == ("from its ICC profile",)


def test_a_profile_of_grey_is_applied_in_16_bits_as_pillow_applies_it_in_8():
    eight, small = np.random.default_rng(2).integers(0, 256, (6, 9)).astype("uint8"), io.BytesIO()
    Image.fromarray(eight).save(small, "PNG", icc_profile=linear_grey())
    data = tiff(eight.astype("uint16") * 257, photometric="minisblack", iccprofile=linear_grey())
    np.testing.assert_allclose(kept(data).deep / 257, decode(small.getvalue()).pixels, atol=1.01)


def test_a_broken_profile_is_said_and_ignored():
    picture = kept(tiff(DEEP[..., :3], photometric="rgb", iccprofile=b"no profile" * 20))
    np.testing.assert_array_equal(picture.deep, DEEP[..., :3])
    assert picture.converted == ("its ICC profile is broken and was ignored",)


def test_cmyk_of_16_bits_becomes_rgb_of_8():
    ink = np.zeros((2, 3, 4), "uint16")
    ink[0, :, 0] = 65535  # cyan above white
    picture = kept(tiff(ink, photometric="separated"))
    np.testing.assert_array_equal(picture.pixels[:, 0], [[0, 255, 255], [255, 255, 255]])
    assert picture.deep is None and "16 bits scaled to 8" in picture.converted


def test_of_several_pages_the_first_is_taken():
    content = io.BytesIO()
    with tifffile.TiffWriter(content) as file:
        for page in (DEEP[..., :3], DEEP[..., 1:]):
            file.write(page, photometric="rgb", contiguous=False)
    picture = kept(content.getvalue())
    np.testing.assert_array_equal(picture.deep, DEEP[..., :3])
    assert picture.converted == ("first of 2 frames",)


@pytest.mark.parametrize(
    ("dtype", "key"),
    [
        ("float32", "data.pixels.floating_point"),
        ("int16", "data.pixels.signed"),
        ("uint32", "data.pixels.32_bits"),
        ("complex64", "data.pixels.complex"),
    ],
)
def test_samples_of_no_defined_range_are_refused_by_name(dtype, key):
    with refused(key, error=NotUsable):
        decode(tiff(DEEP[..., 0].astype(dtype), photometric="minisblack"))


@pytest.mark.parametrize("kind", ["tiff", "png"])
def test_what_is_cut_off_anywhere_is_refused_and_nothing_else(kind):
    whole = tiff(DEEP[..., :3], photometric="rgb", compression="zlib") if kind == "tiff" else bytes(png_encode(DEEP))
    for length in range(1, len(whole) - 16, 7):  # the last bytes of a PNG are not of the picture
        with pytest.raises(NotUsable):
            decode(whole[:length])


def test_a_header_that_claims_too_much_is_refused_before_anything_is_decoded():
    png = bytearray(bytes(png_encode(DEEP)))
    png[16:24] = (60_000).to_bytes(4, "big") * 2
    with refused("data.pixels.too_many", error=NotUsable), without_warnings():
        decode_in_thread(bytes(png), largest=10_000_000)


@pytest.mark.parametrize("options", [
    {"bitspersample": 12}, {"compression": "jpegxl"}, {"bigtiff": True, "byteorder": ">"},
])  # fmt: skip
def test_the_profile_of_a_file_that_pillow_does_not_open_is_not_lost(options):
    rgb = DEEP[..., :3] >> 4 if "bitspersample" in options else DEEP[..., :3]
    largest = 4095 if "bitspersample" in options else 65535
    picture = kept(tiff(rgb, photometric="rgb", iccprofile=adobe_rgb(), **options))
    assert "from its ICC profile" in picture.converted
    expected = np.apply_along_axis(adobe_to_srgb, -1, rgb * (255 / largest))
    np.testing.assert_allclose(picture.pixels, expected, atol=1.5)


@pytest.mark.parametrize("deep", [True, False])
@pytest.mark.parametrize("kind", [0, 1])
def test_a_thumbnail_before_the_photo_is_passed_over(kind, deep):
    """The photo's own profile and orientation count, and what is passed over is no frame that is lost."""
    photo = DEEP[..., :3] if deep else (DEEP[..., :3] >> 8).astype("uint8")
    small, content = np.zeros((3, 4, 3), photo.dtype), io.BytesIO()
    turned = [(274, "H", 1, 6, True)]
    with tifffile.TiffWriter(content) as file:
        file.write(small, photometric="rgb", subfiletype=kind)
        file.write(photo, photometric="rgb", iccprofile=adobe_rgb(), extratags=turned)
    picture = decode(content.getvalue())
    if kind == 0:
        np.testing.assert_array_equal(picture.pixels, small)
        assert "first of 2 frames" in picture.converted
        return
    expected = np.apply_along_axis(adobe_to_srgb, -1, np.rot90(photo, -1) / (257 if deep else 1))
    np.testing.assert_allclose(picture.pixels, expected, atol=1.5)
    assert not any("frames" in change for change in picture.converted)


def test_a_tiff_of_which_a_part_is_missing_is_damaged():
    rgb = np.repeat((DEEP[..., :3] >> 8).astype("uint8"), 20, axis=0)
    whole = tiff(rgb, photometric="rgb", compression="zlib", rowsperstrip=10)
    with tifffile.TiffFile(io.BytesIO(whole)) as file:
        counts = file.pages.first.tags["StripByteCounts"]
        start, number, size = counts.valueoffset, counts.count, {3: 2, 4: 4}[int(counts.dtype)]
    end, half = start + size * number, start + size * (number // 2)
    with pytest.raises(NotUsable, match="damaged"):
        decode(whole[:half] + bytes(end - half) + whole[end:])
    with pytest.raises(NotUsable, match="damaged"):
        decode(tiff(rgb, photometric="ycbcr", compression="jpeg")[:-200])


@pytest.mark.parametrize("options", [
    {"compression": "jpegxl"}, {"compression": "lerc"}, {"compression": "png"}, {"bigtiff": True, "byteorder": ">"},
])  # fmt: skip
def test_8_bits_that_pillow_fails_at_are_read_all_the_same(options):
    rgb = (DEEP[..., :3] >> 8).astype("uint8")
    picture = kept(tiff(rgb, photometric="rgb", **options))
    np.testing.assert_array_equal(picture.pixels, rgb)
    assert picture.deep is None and not any("bits" in change for change in picture.converted)


def test_grey_under_its_own_opacity_is_divided_by_it():
    grey, alpha = np.full((6, 9), 50, "uint8"), np.full((6, 9), 100, "uint8")
    data = tiff(np.dstack([grey, alpha]), photometric="minisblack", extrasamples=["assocalpha"])
    picture = kept(data)
    np.testing.assert_allclose(picture.pixels, 127.5, atol=1)
    assert np.asarray(picture.alpha).max() == 100


@pytest.mark.parametrize(("gamma", "is_other"), [(1.0, True), (0.45455, False)])
def test_samples_of_another_curve_are_told(gamma, is_other):
    content = io.BytesIO()
    Image.fromarray((DEEP[..., :3] >> 8).astype("uint8")).save(content, "PNG")
    chunk = b"gAMA" + round(gamma * 100_000).to_bytes(4, "big")
    data = content.getvalue()
    data = data[:33] + (4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big") + data[33:]
    assert any("another curve" in change for change in decode(data).converted) == is_other


LZW_KINDS = {
    "rgb": ("rgb", (20, 31, 3), {}),
    "rgba": ("rgb", (20, 31, 4), {"extrasamples": ["unassalpha"]}),
    "grey": ("minisblack", (20, 31), {}),
    "planar": ("rgb", (3, 20, 31), {"planarconfig": "separate"}),
    "cmyk": ("separated", (20, 31, 4), {}),
    "tiles": ("rgb", (64, 80, 3), {"tile": (16, 16)}),
}


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("kind", LZW_KINDS)
def test_lzw_is_what_the_same_pixels_without_compression_are(kind, byteorder):
    photometric, shape, options = LZW_KINDS[kind]
    pixels = np.random.default_rng(0).integers(0, 65536, shape).astype("uint16")
    for predictor in (False, True):
        written = [
            tiff(pixels, photometric=photometric, byteorder=byteorder, **compressed, **options)
            for compressed in ({}, {"compression": "lzw", "predictor": predictor})
        ]
        plain, lzw = [decode_in_thread(data, 10**7, keeps_all=True) for data in written]
        np.testing.assert_array_equal(np.asarray(lzw.image), np.asarray(plain.image))
        if plain.deep is not None:
            np.testing.assert_array_equal(lzw.deep, plain.deep)


def test_damaged_lzw_is_refused_and_does_not_end_the_program():
    """imagecodecs' own decoder reads outside of its memory, and takes the program with it."""
    pixels = np.random.default_rng(0).integers(0, 9, (48, 64, 3)).astype("uint16")
    data = tiff(pixels, photometric="rgb", compression="lzw")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        start = file.pages.first.dataoffsets[0]
    for code in range(
        300, 512, 7
    ):  # after a table was cleared, one that is not in it, and the first that comes into it
        codes = "".join(f"{one:09b}" for one in (256, code, 258, 222, 256, code, 258, 1, 256))
        stream = int(codes.ljust(88, "0"), 2).to_bytes(11, "big")
        with suppress(NotUsable):
            decode_in_thread(data[:start] + stream + data[start + len(stream) :], 10**7, keeps_all=True)


def test_a_raw_photo_is_not_taken_for_its_thumbnail():
    content = io.BytesIO()
    with tifffile.TiffWriter(content) as writer:
        writer.write(np.zeros((12, 16, 3), "uint8"), photometric="rgb", subfiletype=1, subifds=1)
        writer.write(np.zeros((48, 64), "uint16"), photometric=32803)
    with refused("data.raw_thumbnail", error=NotUsable):
        decode(content.getvalue())
