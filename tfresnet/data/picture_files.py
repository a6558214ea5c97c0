"""One picture out of a file: upright, RGB, eight bits, and no larger than it will be needed.

Training, evaluation and prediction read pictures here, so that one looks the same to all of them.
"""

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from tfresnet.errors import InputError

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF")  # the only decoders that a file can reach
MAX_PIXELS = 64_000_000  # up to 704 MB for each thread; a small file can claim any size
CENTRE = 0.875  # of the shorter side is seen in evaluation: the custom since AlexNet's 224 of 256
# Of colours in 16 bits Pillow keeps the upper 8, and of other than 8 bits of grey it does not find
# the one that stands for transparent.
_MISREAD = ("I;16B", "LA;16B", "RGB;16B", "RGBA;16B", "L;2", "L;4")
_ORIENTATION = 0x0112  # EXIF's tag; what undoes each of its values but 1:
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read(path: str | os.PathLike, shorter_side: int) -> Image.Image:
    """The picture in a file (of an animation the first) as its camera was held, in RGB.

    One with a longer shorter side than `shorter_side` is reduced to it, a smaller one is left.
    Transparent pixels are laid on white, 16 bits are rounded to 8, colour profiles are ignored.
    Raises `InputError` that names the file if it is no whole picture of `FORMATS`, or one of more
    than `MAX_PIXELS`.
    """
    try:
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                size = f"{picture.width}x{picture.height}"
                raise ValueError(f"{size}, and more than {MAX_PIXELS:,} pixels are not read")
            return _reduced(picture, shorter_side)
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises whatever damage leads to
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        if isinstance(error, UnidentifiedImageError):
            reason = "no such content"
        rule = "a picture must be a whole PNG, JPEG, BMP, WebP or GIF"
        raise InputError(f"{rule}. Received: {path} ({reason})") from error


def centre(picture: Image.Image, side: int, whole: int | None = None) -> np.ndarray:
    """The `centre_box` of a picture, uint8 (side, side, 3)."""
    return crop(picture, centre_box(picture.size, side, whole), side)


def centre_box(
    size: tuple[int, int], side: int, whole: int | None = None
) -> tuple[float, float, float, float]:
    """The part of a picture that a network sees outside of training: (left, top, right, bottom).

    It is the central square of `CENTRE` of the shorter side, or of `whole` pixels (the side of the
    network's images; None: `side`) where that is more and the picture has them. A picture of the
    network's own size therefore stays as it is.
    """
    width, height = size
    seen = min(width, height, max(CENTRE * min(width, height), whole or side))
    left, top = (width - seen) / 2, (height - seen) / 2
    return left, top, left + seen, top + seen


def seen(path: str | os.PathLike, side: int) -> np.ndarray:
    """The `centre` of the picture in a file, as `Pictures` has it."""
    return centre(read(path, 2 * side), side)


def seen_of_array(picture: np.ndarray, side: int) -> np.ndarray:
    """What `seen` gives for a file with this picture, uint8 (height, width, 3)."""
    image = Image.fromarray(picture)
    image = image.resize(_size_within(image, 2 * side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return centre(image, side)


def crop(picture: Image.Image, box: tuple[float, ...], side: int) -> np.ndarray:
    """The part of a picture in `box`, (left, top, right, bottom) in pixels; uint8 (side, side, 3).

    Smoothed where it is made smaller.
    """
    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR, box))


def _size_within(picture, shorter_side):
    scale = min(1, shorter_side / min(picture.size))
    return tuple(max(1, round(scale * length)) for length in picture.size)


def _reduced(picture, shorter_side):
    size = _size_within(picture, shorter_side)
    picture.draft(picture.mode, size)  # a JPEG is not even decoded larger than twice that
    rgb = _rgb(picture)
    if rgb.size != size:
        rgb = rgb.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    turn = None
    with suppress(Exception):  # of damaged EXIF data; the picture may be sound
        turn = _UPRIGHT.get(picture.getexif().get(_ORIENTATION))
    return rgb if turn is None else rgb.transpose(turn)


def _rgb(picture):
    if picture.format == "PNG" and picture.tile[0][3] in _MISREAD:
        return _read_by_tensorflow(picture.filename)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def _read_by_tensorflow(path):
    import tensorflow as tf

    try:
        levels = tf.io.decode_png(Path(path).read_bytes(), channels=4, dtype=tf.uint16).numpy()
    except tf.errors.InvalidArgumentError:
        raise ValueError("broken data") from None
    rgb = np.empty((*levels.shape[:2], 3), np.uint8)
    for row, line in zip(rgb, levels, strict=True):  # all at once would take much memory
        opaque = line[:, 3:] / 65535
        row[:] = np.round(opaque * line[:, :3] / 257 + (1 - opaque) * 255)
    return Image.fromarray(rgb)
