"""shapes10: ten kinds of shapes in 32x32 colour pictures, drawn here; nothing to download.

For trying the program and for its tests. Position, size, rotation and colours are random, and light
stands on dark as often as dark on light, so that single pixels say little about the class. All
shapes are their own mirror image, up to a rotation.

The pictures are the same on every machine: the random numbers are Philox' raw bits, and the drawing
uses only operations that IEEE 754 rounds exactly (no sine, no sum over an axis).
"""

import functools
import math
from collections.abc import Callable

import numpy as np

from tfresnet.data.dataset import Dataset, Split, channel_statistics

SIZE = 32
TRAIN, TEST = 10_000, 2_000
MAX_TILT = 25  # degrees

# A shape is a function of coordinates u, v: negative inside, positive outside, and near the edge
# about the distance to it. One unit is the radius of the shape.
Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _unit(degrees: float) -> tuple[float, float]:
    """(cos, sin), cut to 12 bits so that the last digit of a mathematics library cannot matter."""
    angle = math.radians(degrees)
    return round(math.cos(angle) * 4096) / 4096, round(math.sin(angle) * 4096) / 4096


def _disc(u, v, radius=1.0, x=0.0, y=0.0):
    return np.sqrt((u - x) * (u - x) + (v - y) * (v - y)) - radius


def _box(u, v, width=1.0, height=1.0):
    return np.maximum(np.abs(u) - width, np.abs(v) - height)


def _outside_of_planes(u, v, corners: int, distance: float) -> list[np.ndarray]:
    """Signed distances to the edges of a regular polygon, each edge a straight line."""
    normals = [_unit(90 + 360 * k / corners) for k in range(corners)]
    return [u * x + v * y - distance for x, y in normals]


def _triangle(u, v):
    return functools.reduce(np.maximum, _outside_of_planes(u, v, 3, 0.55))


def _star(u, v):
    # A point of a five-pointed star lies outside of at most one of its five lines.
    return np.partition(_outside_of_planes(u, v, 5, 0.36), 3, axis=0)[3]


SHAPES: dict[str, Shape] = {
    "circle": lambda u, v: _disc(u, v, 0.9),
    "square": lambda u, v: _box(u, v, 0.8, 0.8),
    "triangle": _triangle,
    "star": _star,
    "cross": lambda u, v: np.minimum(_box(u, v, 1.0, 0.3), _box(u, v, 0.3, 1.0)),
    "bar": lambda u, v: _box(u, v, 1.1, 0.3),
    "ring": lambda u, v: np.abs(_disc(u, v, 0.75)) - 0.2,
    "frame": lambda u, v: np.abs(_box(u, v, 0.7, 0.7)) - 0.17,
    "crescent": lambda u, v: np.maximum(_disc(u, v), -_disc(u, v, 0.85, x=0.5)),
    "dots": lambda u, v: np.minimum(_disc(u, v, 0.42, x=-0.6), _disc(u, v, 0.42, x=0.6)),
}


@functools.cache
def load() -> Dataset:
    """10,000 training and 2,000 test images of 32x32 in ten classes, equally many of each.

    Drawn on the first call (about a second) and kept; the arrays are read-only.
    """
    train, test = _split(TRAIN, key=1), _split(TEST, key=2)
    mean, std = channel_statistics(train.images)
    return Dataset("shapes10", tuple(SHAPES), train, test, mean, std, flip=True)


def _split(n: int, key: int) -> Split:
    """`n` images in which the classes take turns; `key` chooses the random numbers."""
    images = np.empty((n, SIZE, SIZE, 3), np.uint8)
    labels = np.arange(n, dtype=np.int32) % len(SHAPES)
    for label, shape in enumerate(SHAPES.values()):
        members = labels == label
        random = _Random(key * len(SHAPES) + label, int(members.sum()))
        images[members] = _colour(_coverage(shape, random), random)
    images.flags.writeable = labels.flags.writeable = False
    return Split(images, labels)


class _Random:
    """Random numbers for `n` images that do not depend on NumPy's version."""

    def __init__(self, key: int, n: int):
        self._bits = np.random.Philox(key=key)
        self._n = n

    def integers(self, low: int, high: int, *shape: int) -> np.ndarray:
        """float32 (n, *shape), whole numbers from `low` to `high`, both included."""
        raw = self._bits.random_raw(self._n * math.prod(shape)) >> np.uint64(40)  # 24 bits
        drawn = raw * np.uint64(high - low + 1) >> np.uint64(24)
        return (drawn.astype(np.float32) + np.float32(low)).reshape(self._n, *shape)


def _coverage(shape: Shape, random: _Random) -> np.ndarray:
    """How much of each pixel the shape covers, float32 (n, SIZE, SIZE): 1 inside, 0 outside."""
    turns = np.array([_unit(degrees) for degrees in range(-MAX_TILT, MAX_TILT + 1)], np.float32)
    tilt = random.integers(0, len(turns) - 1).astype(int)
    cos, sin = (turns[tilt, axis].reshape(-1, 1, 1) for axis in (0, 1))
    radius = random.integers(28, 44, 1, 1) / 4  # pixels
    grid = np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2
    x = grid - random.integers(-20, 20, 1, 1) / 4
    y = grid[:, None] - random.integers(-20, 20, 1, 1) / 4
    distance = shape((cos * x + sin * y) / radius, (cos * y - sin * x) / radius)
    return np.clip(0.5 - distance * radius, 0, 1)


def _colour(coverage: np.ndarray, random: _Random) -> np.ndarray:
    """Paints the shapes on their background: uint8 (n, SIZE, SIZE, 3)."""
    n = len(coverage)
    # Light is lighter than dark in every channel, whatever the tints.
    light = random.integers(165, 220, 1, 1, 1) + random.integers(-35, 35, 1, 1, 3)
    dark = random.integers(35, 90, 1, 1, 1) + random.integers(-35, 35, 1, 1, 3)
    swap = random.integers(0, 1, 1, 1, 1) == 1
    shape, background = np.where(swap, dark, light), np.where(swap, light, dark)
    picture = background + (shape - background) * coverage[..., None]
    grid = np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2
    slope = random.integers(-8, 8, 2, 1, 1) / 8  # a soft shade over the picture
    picture += (slope[:, 0] * grid + slope[:, 1] * grid[:, None]).reshape(n, SIZE, SIZE, 1)
    picture += random.integers(-12, 12, SIZE, SIZE, 3)
    return np.clip(np.floor(picture + 0.5), 0, 255).astype(np.uint8)
