"""A cache of NumPy arrays in files that detects damage and allows concurrent processes.

A file is a `.npy` with a checksum behind the array.
"""

import hashlib
import logging
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from tfresnet.data.places import keras_datasets
from tfresnet.system.atomic import atomic_write

ABANDONED = 3600  # seconds; a writer needs a few
logger = logging.getLogger("tfresnet")


def fingerprint(files: Iterable[Path]) -> str:
    """A short key that changes with the place, size or time of any file.

    Raises `OSError` if a file is missing.
    """
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(f"{file.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]


def load_or_make(name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array stored as `name` in the Keras cache, or a new one that is then stored."""
    path = keras_datasets()[-1] / "tfresnet" / f"{name}.npy"
    array = load(path)
    if array is None:
        array = make()
        store(path, array)
    return array


def load(path: Path) -> np.ndarray | None:
    """The stored array, memory-mapped and read-only; None if it is missing or damaged."""
    _remove_abandoned(path.parent)
    try:
        array = np.lib.format.open_memmap(path, mode="r")
        with open(path, "rb") as file:
            file.seek(array.offset + array.nbytes)
            return array if file.read(5) == _checksum(array) else None
    except Exception:  # NumPy parses the header as Python: damage raises any type
        return None


def store(path: Path, array: np.ndarray) -> None:
    """Stores the array, or warns if the folder is not writable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.save(file, array, allow_pickle=False)
            file.write(_checksum(array))
    except OSError as error:
        logger.warning("going on without a cache in %s: %s", path.parent, error)


def _checksum(array: np.ndarray) -> bytes:
    """Four bytes. CIFAR-10 takes 0.06 s, cheap enough for every start."""
    return zlib.crc32(array, zlib.crc32(f"{array.dtype} {array.shape}".encode())).to_bytes(4)


def _remove_abandoned(folder: Path) -> None:
    """Deletes temporary files of killed writers; younger ones may still be in use."""
    for path in folder.glob(".*.partial*"):
        try:
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()
        except OSError:  # deleted by another process, or not ours to delete
            continue
