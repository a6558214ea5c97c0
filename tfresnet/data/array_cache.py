"""One NumPy array kept in a file, safe against damage and against processes that start together.

The file is NumPy's own, with a checksum of the array behind it.
"""

import hashlib
import logging
import time
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tfresnet.system.atomic import replaced

ABANDONED = 3600  # seconds; a writer is done in a few
logger = logging.getLogger("tfresnet")


def fingerprint(files: Iterable[Path]) -> str:
    """A short key that changes when one of the files moves, or changes its size or its time.

    Raises `OSError` when one of them is missing.
    """
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(f"{file.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]


def load(path: Path) -> np.ndarray | None:
    """The stored array, memory-mapped and read-only; None if there is none or it is damaged."""
    _remove_abandoned(path.parent)
    try:
        array = np.lib.format.open_memmap(path, mode="r")
        with open(path, "rb") as file:
            file.seek(array.offset + array.nbytes)
            return array if file.read(5) == _checksum(array) else None
    except Exception:  # NumPy parses the header as Python, and raises whatever damage leads to
        return None


def store(path: Path, array: np.ndarray) -> None:
    """Stores the array. A folder that cannot be written is worth one warning, no more."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as temporary, open(temporary, "wb") as file:
            np.save(file, array, allow_pickle=False)
            file.write(_checksum(array))
    except OSError as error:
        logger.warning("going on without a cache in %s: %s", path.parent, error)


def _checksum(array: np.ndarray) -> bytes:
    """Four bytes. Those of CIFAR-10 take 0.06 s, little enough for every start."""
    return zlib.crc32(array, zlib.crc32(f"{array.dtype} {array.shape}".encode())).to_bytes(4)


def _remove_abandoned(folder: Path) -> None:
    """Deletes what killed writers left: nothing so young that its writer may be at work."""
    for path in folder.glob(".*.partial*"):
        try:
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()
        except OSError:  # another process was faster, or may and we may not
            continue
