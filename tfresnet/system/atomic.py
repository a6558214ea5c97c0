"""Files that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, which takes its place when the block succeeds.

    The content is flushed to the disk before the name changes, and the name before this returns: a
    kill or a power cut at any moment leaves the old file or the new one. A block that raises
    leaves the old one and no temporary file. The suffix is kept, since some writers go by it.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}-{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
        _flush(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: str | Path, text: str) -> None:
    """Writes `text` (UTF-8) to `path`, whole or not at all."""
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def remove_leftovers(folder: str | Path) -> None:
    """Deletes what killed writers left behind in `folder`; nobody may be writing there."""
    for path in Path(folder).glob(".*.partial*"):
        path.unlink(missing_ok=True)


def _flush(path):
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
