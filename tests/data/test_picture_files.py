"""Every format and kind of picture against the pixels it was made of."""

import warnings

import numpy as np
import pytest
from PIL import Image
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
