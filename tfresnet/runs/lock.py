"""A lock, so that only one training runs in a folder."""

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfresnet.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

logger = logging.getLogger("tfresnet")


@contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """Holds an exclusive lock on the file `path` until the block or the process ends. The kernel
    releases the lock of a killed process. Windows has no such lock. Raises `InputError` if another
    process has the lock, or nobody may write into the folder."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise InputError(
            f"a run folder must be writable ({error.strerror}). Received: {path.parent}"
        ) from error
    try:
        if fcntl:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise InputError(
            f"a run folder takes one training at a time; one is running. Received: {path.parent}"
        ) from error
    except OSError as error:  # a network file system without locks
        logger.warning("no lock: start no second training in %s (%s)", path.parent, error.strerror)
    try:
        yield
    finally:
        os.close(descriptor)
