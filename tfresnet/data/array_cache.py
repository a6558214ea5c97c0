"""One NumPy array kept in a file, safe against damage and against processes that start together."""

import hashlib
import logging
import os
import uuid
from collections.abc import Iterable
from pathlib import Path

import numpy as np

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
    try:
        array = np.lib.format.open_memmap(path, mode="r")
        complete = path.stat().st_size == array.offset + array.nbytes
    except Exception:  # NumPy parses the header as Python, and raises whatever damage leads to
        return None
    return array if complete else None


def store(path: Path, array: np.ndarray) -> None:
    """Stores the array. A folder that cannot be written is worth one warning, no more."""
    # Written under a name of its own and renamed when complete: readers see all of it or nothing.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                np.save(file, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("going on without a cache in %s: %s", path.parent, error)
