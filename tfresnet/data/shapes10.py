"""shapes10: ten shapes drawn in 32x32 colour images, for trials and tests. No download.

Position, size, rotation and colours are random. Half of the shapes are light on dark, half dark on
light, so single pixels say little about the class. A mirrored shape keeps its class.

Images are the same on every machine: the random numbers are Philox' raw bits, and the drawing uses
only operations that IEEE 754 rounds exactly (no sine, no sum over an axis).
"""

import functools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tfresnet.data.dataset import Dataset, Split, channel_statistics

SIZE = 32
TRAIN, TEST = 10_000, 2_000
MAX_TILT = 25  # degrees
GRID = np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2

# A shape is a function of coordinates u, v, in radii of the shape: about the distance to its edge,
# negative inside.
Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _unit(degrees: float) -> tuple[float, float]:
    """(cos, sin) in 12 bits, which no mathematics library rounds differently."""
    angle = math.radians(degrees)
    return round(math.cos(angle) * 4096) / 4096, round(math.sin(angle) * 4096) / 4096


def _disc(u, v, radius=1.0, x=0.0, y=0.0):
    return np.sqrt((u - x) * (u - x) + (v - y) * (v - y)) - radius


def _box(u, v, width=1.0, height=1.0):
    return np.maximum(np.abs(u) - width, np.abs(v) - height)


def _edge_distances(u, v, corners: int, distance: float) -> list[np.ndarray]:
    """Signed distances to the lines through the edges of a regular polygon."""
    normals = [_unit(90 + 360 * k / corners) for k in range(corners)]
    return [u * x + v * y - distance for x, y in normals]


SHAPES: dict[str, Shape] = {
    "circle": lambda u, v: _disc(u, v, 0.9),
    "square": lambda u, v: _box(u, v, 0.8, 0.8),
    "triangle": lambda u, v: np.max(_edge_distances(u, v, 3, 0.55), axis=0),
    # A point of a five-pointed star lies outside at most one of its five lines.
    "star": lambda u, v: np.partition(_edge_distances(u, v, 5, 0.36), 3, axis=0)[3],
    "cross": lambda u, v: np.minimum(_box(u, v, 1.0, 0.3), _box(u, v, 0.3, 1.0)),
    "bar": lambda u, v: _box(u, v, 1.1, 0.3),
    "ring": lambda u, v: np.abs(_disc(u, v, 0.75)) - 0.2,
    "frame": lambda u, v: np.abs(_box(u, v, 0.7, 0.7)) - 0.17,
    "crescent": lambda u, v: np.maximum(_disc(u, v), -_disc(u, v, 0.85, x=0.5)),
    "dots": lambda u, v: np.minimum(_disc(u, v, 0.42, x=-0.6), _disc(u, v, 0.42, x=0.6)),
}


@functools.cache
def load() -> Dataset:
    """10,000 training and 2,000 test images of 32x32, each class equally often.

    The first call draws them, in about a second. The arrays are read-only.
    """
    train, test = _split(TRAIN, key=1), _split(TEST, key=2)
    mean, std = channel_statistics(train.images)
    return Dataset("shapes10", tuple(SHAPES), train, test, mean, std, flip=True)


def _split(n: int, key: int) -> Split:
    """`n` images, classes in turn, drawn with the random numbers of `key`."""
    images = np.empty((n, SIZE, SIZE, 3), np.uint8)
    labels = np.arange(n, dtype=np.int32) % len(SHAPES)

    def draw(label, shape):
        members = labels == label
        random = _Random(key * len(SHAPES) + label, int(members.sum()))
        images[members] = _colour(_coverage(shape, random), random)

    with ThreadPoolExecutor() as pool:
        list(pool.map(draw, range(len(SHAPES)), SHAPES.values()))
    images.flags.writeable = labels.flags.writeable = False
    return Split(images, labels)


class _Random:
    """Random numbers for `n` images, the same in all versions of NumPy."""

    def __init__(self, key: int, n: int):
        self._bits = np.random.Philox(key=key)
        self._n = n

    def integers(self, low: int, high: int, *shape: int) -> np.ndarray:
        """Integers from `low` to `high`, both included, as float32 (n, *shape)."""
        raw = self._bits.random_raw(self._n * math.prod(shape)) >> np.uint64(40)  # 24 bits
        drawn = raw * np.uint64(high - low + 1) >> np.uint64(24)
        return (drawn.astype(np.float32) + np.float32(low)).reshape(self._n, *shape)


def _coverage(shape: Shape, random: _Random) -> np.ndarray:
    """The share of each pixel inside the shape: float32 (n, SIZE, SIZE)."""
    turns = np.array([_unit(degrees) for degrees in range(-MAX_TILT, MAX_TILT + 1)], np.float32)
    tilt = random.integers(0, len(turns) - 1).astype(int)
    cos, sin = (turns[tilt, axis].reshape(-1, 1, 1) for axis in (0, 1))
    radius = random.integers(28, 44, 1, 1) / 4  # pixels
    x = GRID - random.integers(-20, 20, 1, 1) / 4
    y = GRID[:, None] - random.integers(-20, 20, 1, 1) / 4
    distance = shape((cos * x + sin * y) / radius, (cos * y - sin * x) / radius)
    return np.clip(0.5 - distance * radius, 0, 1)


def _colour(coverage: np.ndarray, random: _Random) -> np.ndarray:
    """Shapes painted on a background: uint8 (n, SIZE, SIZE, 3)."""
    n = len(coverage)
    # In every channel light is lighter than dark.
    light = random.integers(165, 220, 1, 1, 1) + random.integers(-35, 35, 1, 1, 3)
    dark = random.integers(35, 90, 1, 1, 1) + random.integers(-35, 35, 1, 1, 3)
    swap = random.integers(0, 1, 1, 1, 1) == 1
    shape, background = np.where(swap, dark, light), np.where(swap, light, dark)
    picture = background + (shape - background) * coverage[..., None]
    slope = random.integers(-8, 8, 2, 1, 1) / 8  # a soft shade across the image
    picture += (slope[:, 0] * GRID + slope[:, 1] * GRID[:, None]).reshape(n, SIZE, SIZE, 1)
    picture += random.integers(-12, 12, SIZE, SIZE, 3)
    return np.clip(np.floor(picture + 0.5), 0, 255).astype(np.uint8)
