"""Every format and kind of picture against the pixels it was made of."""

import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image
from support.memory import takes_at_most
from support.picture_folders import noise

from tfresnet.data import picture_files
from tfresnet.errors import InputError


def read(path, side=1000):
    picture = picture_files.read(path, side)
    assert picture.mode == "RGB"
    return np.asarray(picture).astype(int)


@pytest.fixture
def picture():
    return noise(1, 40, 30)


@pytest.mark.parametrize(
    ("ending", "options", "tolerance"),
    [
        ("png", {}, 0),
        ("bmp", {}, 0),
        ("webp", {"lossless": True}, 0),
        ("webp", {}, 6),
        ("jpg", {"quality": 95}, 6),
        ("gif", {}, 6),
    ],
)
def test_formats(ending, options, tolerance, picture, tmp_path):
    picture.save(tmp_path / f"a.{ending}", **options)
    assert np.abs(read(tmp_path / f"a.{ending}") - np.asarray(picture)).mean() <= tolerance


def test_the_name_does_not_decide_on_the_format(picture, tmp_path):
    picture.save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read(tmp_path / "a.jpg"), np.asarray(picture))


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "RGBA", "LA"])
@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_modes(mode, ending, picture, tmp_path):
    """Grey stays grey, and colours stay what they are on a screen."""
    converted = picture.convert(mode)
    try:
        converted.save(tmp_path / f"a.{ending}", quality=95)
    except OSError:
        pytest.skip(f"{ending} has no mode {mode}")
    tolerance = 0 if ending == "png" else 15
    expected = np.asarray(converted.convert("RGB")).astype(int)
    assert np.abs(read(tmp_path / f"a.{ending}") - expected).mean() <= tolerance


def test_sixteen_bits_become_eight(tmp_path):
    levels = np.linspace(0, 65535, 300).astype(np.uint16).reshape(15, 20)
    Image.fromarray(levels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png")[..., 1], np.round(levels / 257))


def chunk(kind, content):
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png(path, depth, colours, lines, transparent=None):
    """A PNG file of the bytes of its lines, of any depth and kind of colours (PNG's number)."""
    size = len(lines[0]) * 8 // depth // {0: 1, 2: 3, 4: 2, 6: 4}[colours]
    header = struct.pack(">IIBBBBB", size, len(lines), depth, colours, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    if transparent is not None:
        content += chunk(b"tRNS", struct.pack(f">{len(transparent)}H", *transparent))
    data = zlib.compress(b"".join(b"\0" + bytes(line) for line in lines))
    path.write_bytes(content + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    return path


def sixteen(levels):
    return [line.astype(">u2").tobytes() for line in levels]


def on_white(levels, opaque):
    return np.round(opaque * levels / 257 + (1 - opaque) * 255)


LEVELS = np.random.default_rng(3).integers(0, 65536, (6, 9, 4)).astype(np.uint16)


@pytest.mark.parametrize(("colours", "channels"), [(0, 1), (2, 3)])
def test_sixteen_bits_are_rounded_and_one_level_is_transparent(colours, channels, tmp_path):
    levels = LEVELS[..., :channels].copy()
    levels[2, 3] = levels[4, 5] = levels[0, 0]
    levels[1, 1] = levels[0, 0] ^ 1  # nearly, and not transparent
    expected = np.broadcast_to(on_white(levels.astype(float), 1.0), (6, 9, 3))
    path = png(tmp_path / "a.png", 16, colours, sixteen(levels))
    np.testing.assert_array_equal(read(path), expected)
    path = png(tmp_path / "a.png", 16, colours, sixteen(levels), levels[0, 0].tolist())
    white = expected.copy()
    white[[0, 2, 4], [0, 3, 5]] = 255
    np.testing.assert_array_equal(read(path), white)


@pytest.mark.parametrize(("colours", "channels"), [(4, 2), (6, 4)])
def test_sixteen_bits_with_alpha_are_rounded_on_white(colours, channels, tmp_path):
    levels = LEVELS[..., :channels]
    path = png(tmp_path / "a.png", 16, colours, sixteen(levels))
    expected = on_white(levels[..., :-1].astype(float), levels[..., -1:] / 65535)
    np.testing.assert_array_equal(read(path), np.broadcast_to(expected, (6, 9, 3)))


@pytest.mark.parametrize(("depth", "line"), [(1, [0b10110000]), (2, [0b11100100, 0b11000110])])
def test_few_bits_of_grey_with_a_transparent_level(depth, line, tmp_path):
    bits = np.unpackbits(np.array(line, np.uint8)).reshape(-1, depth)
    grey = bits @ 2 ** np.arange(depth)[::-1]
    top = 2**depth - 1
    path = png(tmp_path / "a.png", depth, 0, [line], [1])
    np.testing.assert_array_equal(read(path)[0, :, 0], np.where(grey == 1, 255, grey * 255 // top))


def test_sixteen_bits_turned_and_reduced(tmp_path):
    levels = np.tile(np.linspace(0, 65535, 40).astype(np.uint16)[:, None], (1, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(levels).save(tmp_path / "a.png", exif=exif)
    got = picture_files.read(tmp_path / "a.png", 10)
    assert got.size == (20, 10)
    assert (np.diff(np.asarray(got).astype(int)[5, :, 0]) < 0).all()


def test_broken_pictures_of_sixteen_bits(tmp_path):
    path = png(tmp_path / "a.png", 16, 2, sixteen(LEVELS[..., :3]))
    whole = path.read_bytes()
    for content in (whole[:100], whole[:-30], whole[:90] + bytes([whole[90] ^ 255]) + whole[91:]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"Received: .*a\.png \(broken data\)$"):
            read(path)


def test_what_is_transparent_lies_on_white(tmp_path):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, 4:, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read(tmp_path / "a.png")[0, :, 0].tolist() == [255] * 4 + [0] * 4
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([10, 20, 30])
    palette.save(tmp_path / "p.png", transparency=0)
    assert (read(tmp_path / "p.png") == 255).all()


def test_of_an_animation_the_first_picture(tmp_path):
    first, second = Image.new("RGB", (9, 9), "red"), Image.new("RGB", (9, 9), "blue")
    for ending in ("gif", "webp", "png"):
        first.save(tmp_path / f"a.{ending}", save_all=True, append_images=[second], lossless=True)
        np.testing.assert_array_equal(read(tmp_path / f"a.{ending}")[4, 4], [255, 0, 0])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_orientation_is_obeyed(orientation, ending, tmp_path):
    """A picture that is red at the top and dark at the left, stored in eight ways."""
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:, 12:] += 100
    upright[:8, :, 0] += 100
    stored = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.transpose(1, 0, 2),
        6: lambda x: np.rot90(x, 1),  # to be shown, it is turned a quarter clockwise
        7: lambda x: x[::-1, ::-1].transpose(1, 0, 2),
        8: lambda x: np.rot90(x, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(np.ascontiguousarray(stored[orientation](upright)))
    picture.save(tmp_path / f"a.{ending}", exif=exif, quality=95)
    got = read(tmp_path / f"a.{ending}")
    assert got.shape == upright.shape
    assert np.abs(got - upright)[2:6, 3:9].max() < 30
    assert np.abs(got - upright)[10:14, 15:21].max() < 30
    assert np.abs(got - upright)[2:6, 15:21].max() < 30


def test_damaged_exif_data_do_not_hide_a_sound_picture(picture, tmp_path):
    picture.save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff", quality=95)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert read(tmp_path / "a.jpg").shape == (30, 40, 3)


@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [
        ((400, 300), 75, (100, 75)),
        ((300, 400), 75, (75, 100)),
        ((401, 300), 299, (400, 299)),
        ((40, 30), 30, (40, 30)),
        ((40, 30), 64, (40, 30)),
        ((300, 2), 1, (150, 1)),
    ],
)
def test_large_pictures_are_reduced_and_small_ones_left(size, side, expected, ending, tmp_path):
    whole = noise(3, *size)
    whole.save(tmp_path / f"a.{ending}", quality=95)
    got = picture_files.read(tmp_path / f"a.{ending}", side)
    assert got.size == expected
    smooth = whole.resize(expected, Image.Resampling.BOX)
    if min(expected) > 10:
        assert np.abs(np.asarray(got).astype(int) - np.asarray(smooth)).mean() < 3


def test_the_centre_is_what_evaluation_sees():
    pixels = np.full((80, 120, 3), 7, np.uint8)
    pixels[5:75, 25:95] = 200  # 0.875 of 80, in the middle
    shown = picture_files.centre(Image.fromarray(pixels), 35)
    assert (shown[1:-1, 1:-1] == 200).all()  # the border is smoothed
    assert (shown > 150).all()
    shown = picture_files.centre(noise(2, 64, 64), 32)
    assert shown.shape == (32, 32, 3)
    assert shown.dtype == np.uint8


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no such content"),
        (b"text, no picture", "no such content"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "no such content"),
    ],
)
def test_a_file_that_is_no_picture(content, reason, tmp_path):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(InputError, match=rf"whole PNG.*Received: .*a\.jpg \({reason}\)$"):
        read(tmp_path / "a.jpg")


@pytest.mark.parametrize("ending", ["jpg", "png", "bmp", "gif", "webp"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_picture(share, ending, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / f"a.{ending}")
    content = (tmp_path / f"a.{ending}").read_bytes()
    (tmp_path / f"a.{ending}").write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=rf"Received: .*a\.{ending} \(.+\)$"):
        read(tmp_path / f"a.{ending}", 8)


def test_a_picture_over_the_stated_size(tmp_path):
    Image.new("1", (8001, 8000)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"8001x8000, and more than 64,000,000 pixels are not"):
        read(tmp_path / "a.png")


def riff(kind, content):
    part = kind + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", 4 + len(part)) + b"WEBP" + part


def claims():
    """Small files of every format that say they are large."""
    side, most = 60_000, 9_000  # in pixels; Pillow itself refuses the first
    bmp = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
    frame = struct.pack(">HBHHB", 11, 8, side, side, 1) + b"\1\x11\0"
    image = b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\2\1\0\0;"
    ihdr = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 16, 2, 0, 0, 0))
    sides = (most - 1).to_bytes(3, "little") * 2
    return {
        "png": b"\x89PNG\r\n\x1a\n" + ihdr + chunk(b"IDAT", zlib.compress(bytes(1000))),
        "gif": b"GIF89a" + struct.pack("<HHBBB", side, side, 0, 0, 0) + image,
        "gif whose image is larger": b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + image,
        "bmp": b"BM" + struct.pack("<IHHI", 2000, 0, 0, 54) + bmp + bytes(1000),
        "jpeg": b"\xff\xd8\xff\xc0" + frame + b"\xff\xda\0\2",
        "webp": riff(b"VP8L", b"/" + (most - 1 | most - 1 << 14).to_bytes(4, "little") + bytes(20)),
        "animated webp": riff(b"VP8X", b"\2\0\0\0" + sides),
    }


@pytest.mark.parametrize("kind", claims())
def test_a_claimed_size_takes_no_memory(kind, tmp_path):
    (tmp_path / "a.png").write_bytes(claims()[kind])
    with takes_at_most(20), pytest.raises(InputError, match=r"Received: .*a\.png \("):
        read(tmp_path / "a.png")


def test_what_is_not_there_or_cannot_be_opened(tmp_path):
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "folder.png").mkdir()
    for name, reason in (
        ("no.png", "No such file"),
        ("loop.png", "Too many levels of symbolic links"),
        ("folder.png", "Is a directory"),
    ):
        with pytest.raises(InputError, match=rf"{name} \({reason}"):
            read(tmp_path / name)


def test_a_network_is_shown_the_centre_but_of_a_picture_of_its_own_size(tmp_path):
    noise(1, 16, 16).save(tmp_path / "a.png")
    np.testing.assert_array_equal(picture_files.seen(tmp_path / "a.png", 16), noise(1, 16, 16))
    noise(2, 64, 40).save(tmp_path / "b.png")
    expected = picture_files.centre(picture_files.read(tmp_path / "b.png", 32), 16)
    np.testing.assert_array_equal(picture_files.seen(tmp_path / "b.png", 16), expected)
