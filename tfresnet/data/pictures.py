"""Pictures in files that stand for one array: read when they are needed, kept while there is room.

What is kept of a picture has a shorter side of at most twice the side of the images, which is what
the smallest random crop needs (a quarter of the area: half of each side), and evaluation, too. The
same is made of a picture that is read anew each time, so that memory decides on nothing but time.
"""

import math
import threading
from collections.abc import Sequence

import numpy as np
from PIL import Image

from tfresnet.data import picture_files
from tfresnet.errors import InputError, RunError
from tfresnet.system.hardware import free_memory

SMALLEST = 0.25  # share of a picture's area in a random crop
FLATTEST = 3 / 4  # height to width of a random crop, and the other way round


class Memory:
    """Reads pictures, reduced to a shorter side, and keeps them while they fit into `room` bytes.

    Raises `RunError` for a picture that cannot be read, as it could be when the data were loaded.
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
    """Looks like an array uint8 (n, side, side, 3) of the central squares of pictures.

    Indexing reads them, `take` does not. Raises `RunError` for a picture that cannot be read.

    Args:
        files: where they are.
        side: of the images; pictures of any size are cut and resized to it.
        memory: shared by the parts of a data set; None: one that takes half of the free memory.
    """

    dtype, ndim = np.dtype(np.uint8), 4

    def __init__(self, files: Sequence[str], side: int, memory: Memory | None = None):
        self.files = np.asarray(files, object)
        self.side = side
        self.shape = (len(files), side, side, 3)
        self.memory = memory or Memory(2 * side, free_memory() // 2)

    def __len__(self) -> int:
        return len(self.files)

    def take(self, indices: np.ndarray, axis: int = 0) -> "Pictures":
        """As NumPy's: those at `indices`, in that order."""
        return Pictures(self.files[indices], self.side, self.memory)

    def with_side(self, side: int) -> "Pictures":
        """The same pictures as images of another, smaller side."""
        return Pictures(self.files, side, self.memory)

    def __getitem__(self, indices) -> np.ndarray:
        """What evaluation sees of one, or of several."""
        chosen = self.files[indices]
        if isinstance(chosen, str):
            return picture_files.centre(self.memory.read(chosen), self.side)
        images = np.empty((len(chosen), *self.shape[1:]), np.uint8)
        for place, path in enumerate(chosen):
            images[place] = picture_files.centre(self.memory.read(path), self.side)
        return images

    def crops(self, indices: np.ndarray, drawn: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
        """Random parts of the pictures at `indices`, uint8 (batch, side, side, 3).

        drawn: (batch, 4) in [0, 1), the random numbers of `random_box`. mirrored: bool (batch,).
        """
        images = np.empty((len(indices), *self.shape[1:]), np.uint8)
        for place, (path, numbers) in enumerate(zip(self.files[indices], drawn, strict=True)):
            picture = self.memory.read(path)
            image = picture_files.crop(picture, random_box(picture.size, numbers), self.side)
            images[place] = image[:, ::-1] if mirrored[place] else image
        return images


def random_box(size: tuple[int, int], numbers: Sequence[float]) -> tuple[float, ...]:
    """A part of a picture of `size` (width, height): (left, top, right, bottom) in pixels.

    Its area is `SMALLEST` to all of the picture's and its height to width 3:4 to 4:3 (Szegedy et
    al., 2014, https://arxiv.org/abs/1409.4842, section 6, with 0.08); what does not fit is made
    smaller. numbers: four in [0, 1), which decide on area, shape, and place across and down.
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
