"""Writes that a kill or a power cut cannot halve: a file is there completely or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path in the same folder; renames it to `path` when the block succeeds. A
    kill or a power cut at any moment leaves the old file or the new one: the content is flushed to
    the disk before the rename, and the rename before this returns. If the block raises, the old
    file stays. The temporary file keeps the suffix, since some writers choose the format by it."""
    path = Path(path)
    temporary = path.with_name(f".{path.stem}-{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        flush(temporary)
        os.replace(temporary, path)
        flush(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: str | Path, text: str) -> None:
    """Writes `text` (UTF-8) to `path` atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def remove_leftovers(folder: str | Path) -> None:
    """Deletes the temporary files of killed writers; no writer may be active in `folder`."""
    for path in Path(folder).glob(".*.partial*"):
        path.unlink(missing_ok=True)


def make_folder(path: str | Path) -> None:
    """Makes a new folder, and its parents, and returns when they are on the disk."""
    path = Path(path)
    missing = [path, *(folder for folder in path.parents if not folder.exists())]
    path.mkdir(parents=True)
    try:
        flush(*(folder.parent for folder in missing))
    except OSError:
        path.rmdir()
        raise


def flush(*paths: str | Path) -> None:
    """Returns when the content of files, and the names of what is in folders, are on the disk."""
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except PermissionError:  # Windows cannot open a folder
            continue
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
