"""Pictures in files that act as one array: read on demand, kept while memory allows.

A picture is kept with a shorter side of twice the images' side at most. That is enough for
evaluation and for the smallest random crop, a quarter of the area. Pictures that are read each
time are reduced in the same way, so memory changes speed only.
"""

import math
import threading
from collections.abc import Sequence

import numpy as np
from PIL import Image

from tfresnet.data import picture_files
from tfresnet.errors import InputError, RunError
from tfresnet.system.hardware import free_memory

SMALLEST = 0.25  # smallest share of a picture's area in a random crop
FLATTEST = 3 / 4  # smallest ratio of a random crop's sides


class Memory:
    """Reads pictures, reduced to a shorter side, and keeps them while `room` bytes last.

    Raises `RunError` for a picture that can no longer be read.
    """

    def __init__(self, shorter_side: int, room: int):
        self.shorter_side = shorter_side
        self.room = room
        self._kept: dict[str, np.ndarray] = {}
        self._lock = threading.Lock()

    def read(self, path: str) -> Image.Image:
        """See `picture_files.read`."""
        if (kept := self._kept.get(path)) is not None:
            return Image.fromarray(kept)
        try:
            picture = picture_files.read(path, self.shorter_side)
        except InputError as error:
            raise RunError(f"the pictures have changed: {error}") from error
        pixels = np.asarray(picture)
        with self._lock:
            if path not in self._kept and pixels.nbytes <= self.room:
                self._kept[path] = pixels
                self.room -= pixels.nbytes
        return picture


class Pictures:
    """Acts as an array uint8 (n, side, side, 3) of the centres of pictures.

    Indexing reads the files, `take` does not. Raises `RunError` for a picture that cannot be read.

    side: of the images in pixels; pictures of any size are cropped and resized to it.
    memory: shared by the splits of a data set; None: a new one of half the free memory.
    whole: side of the network's images, if these are smaller; see `picture_files.centre`.
    """

    dtype, ndim = np.dtype(np.uint8), 4

    def __init__(
        self,
        files: Sequence[str],
        side: int,
        memory: Memory | None = None,
        whole: int | None = None,
    ):
        self.files = np.asarray(files, object)
        self.side, self.whole = side, whole or side
        self.shape = (len(files), side, side, 3)
        self.memory = memory or Memory(2 * side, free_memory() // 2)

    def __len__(self) -> int:
        return len(self.files)

    def take(self, indices: np.ndarray, axis: int = 0) -> "Pictures":
        """The pictures at `indices`, in that order."""
        return Pictures(self.files[indices], self.side, self.memory, self.whole)

    def with_side(self, side: int) -> "Pictures":
        """The same pictures as smaller images."""
        return Pictures(self.files, side, self.memory, self.whole)

    def __getitem__(self, indices) -> np.ndarray:
        """What evaluation sees of one picture, or of several."""
        chosen = self.files[indices]
        if isinstance(chosen, str):
            return self._centre(chosen)
        return self._stack(map(self._centre, chosen), len(chosen))

    def crops(self, indices: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Random crops of the pictures at `indices`: uint8 (batch, side, side, 3).

        numbers: (batch, 4) in [0, 1), for `random_box`.
        """
        return self._stack(map(self._crop, self.files[indices], numbers), len(indices))

    def _centre(self, path):
        return picture_files.centre(self.memory.read(path), self.side, self.whole)

    def _crop(self, path, numbers):
        picture = self.memory.read(path)
        return picture_files.crop(picture, random_box(picture.size, numbers), self.side)

    def _stack(self, images, count):
        return np.fromiter(images, np.dtype((self.dtype, self.shape[1:])), count)


def random_box(size: tuple[int, int], numbers: Sequence[float]) -> tuple[float, ...]:
    """A random part of a picture of `size` (width, height): (left, top, right, bottom) in pixels.

    Its area is `SMALLEST` to 1 of the picture's, its ratio of height to width 3:4 to 4:3 (Szegedy
    et al., 2014, https://arxiv.org/abs/1409.4842, section 6, with 0.08). A box that does not fit is
    made smaller. numbers: four in [0, 1) that choose area, ratio, and place across and down.
    """
    width, height = size
    area, shape, across, down = map(float, numbers)
    area = width * height * (SMALLEST + (1 - SMALLEST) * area)
    shape = FLATTEST ** (2 * shape - 1)
    wide, high = math.sqrt(area * shape), math.sqrt(area / shape)
    fitting = min(1, width / wide, height / high)
    wide, high = min(fitting * wide, width), min(fitting * high, height)  # rounding may exceed it
    left, top = (width - wide) * across, (height - high) * down
    return left, top, min(left + wide, width), min(top + high, height)
