"""The files CIFAR-10 is published in, read without trusting them.

Source of the formats: https://www.cs.toronto.edu/~kriz/cifar.html. Archives are never extracted,
nothing in a pickle is run, and everything that is not exactly CIFAR-10 ends in an `InputError` that
names the file.
"""

import gzip
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfresnet.errors import InputError
from tfresnet.system import inert_pickle
from tfresnet.system.inert_pickle import Call

# Folder in the archive -> what the names of its batches end in.
FOLDERS = {"cifar-10-batches-py": "", "cifar-10-batches-bin": ".bin"}
# Safari unpacks what it downloads, and leaves the .tar.
ARCHIVES = ("cifar-10-python.tar.gz", "cifar-10-python.tar")
ARCHIVES += ("cifar-10-binary.tar.gz", "cifar-10-binary.tar")
BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")

ROWS = 10_000  # images in each batch
PIXELS = 3 * 32 * 32
BLOCK = 512  # bytes, of which a tar file consists
MAX_BATCH_BYTES = 64 * 2**20  # the real ones have 31 MB
MAX_ARCHIVE_BYTES = 512 * 2**20  # unpacked; the real ones have 186 MB


def find(path: Path) -> Path | None:
    """The archive or the folder of batches that `path` is, or holds; else None."""
    for archive in (path, *(path / name for name in ARCHIVES)):
        if os.path.isfile(archive):
            return archive
    for folder in (*(path / name for name in FOLDERS), path):
        if _suffix(folder) is not None:
            return folder
    return None


def files(source: Path) -> list[Path]:
    """The files that `read` opens."""
    if os.path.isfile(source):
        return [source]
    return [source / f"{name}{_suffix(source)}" for name in BATCHES]


def _suffix(folder: Path) -> str | None:
    """What the names of the batches in a folder end in; None if there are none."""
    return next((s for s in FOLDERS.values() if os.path.isfile(folder / f"{BATCHES[0]}{s}")), None)


def read(source: Path) -> np.ndarray:
    """All images, uint8 (6 * ROWS, 1 + 3072): the label, then the pixels (32, 32, 3) in one row.

    The training images come first. Raises `InputError`, naming the file, for anything unreadable,
    incomplete or out of range.
    """
    rows = np.empty((len(BATCHES) * ROWS, 1 + PIXELS), np.uint8)
    missing = set(BATCHES)
    try:
        for name, content in _in_archive(source) if os.path.isfile(source) else _in_folder(source):
            batch = name.removesuffix(".bin")
            start = BATCHES.index(batch) * ROWS
            _fill(rows[start : start + ROWS], name, content)
            missing.discard(batch)
        if missing:
            raise ValueError(f"lacks {', '.join(sorted(missing))}")
    except Exception as error:  # damaged archives raise nearly every type there is
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{source} must be the whole of CIFAR-10. Received: {reason}") from error
    return rows


def _in_folder(source: Path) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each batch."""
    for path in files(source):
        _check_size(path.name, path.stat().st_size)
        yield path.name, path.read_bytes()


def _in_archive(source: Path) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each batch that the archive holds.

    A tar file is a row of headers, each followed by its content in whole blocks. Extensions of the
    format have headers of their own, which no name of a batch needs. Source: POSIX, pax, "ustar
    Interchange Format".
    """
    wanted = {f"{dir}/{name}{end}": name + end for dir, end in FOLDERS.items() for name in BATCHES}
    content, start = _unpacked(source), 0
    while any(header := content[start : start + BLOCK]):
        path, size = header[:100].partition(b"\0")[0], header[124:136].strip(b" \0")
        if not size.isdigit():
            raise ValueError("is no tar file")
        start, end = start + BLOCK, start + BLOCK + int(size, 8)
        if name := wanted.get(path.decode("latin1").removeprefix("./")):
            if header[156:157] not in (b"0", b"\0"):
                raise ValueError(f"{name} must be a regular file")
            _check_size(name, end - start)
            yield name, content[start:end]
        start = end + -end % BLOCK


def _unpacked(source: Path) -> bytes:
    """The tar file in an archive, whatever its headers ask for no longer than it may be."""
    with open(source, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream = gzip.GzipFile(fileobj=file) if packed else file
        content = stream.read(MAX_ARCHIVE_BYTES + 1)
    if len(content) > MAX_ARCHIVE_BYTES:
        raise ValueError(f"must unpack to at most {MAX_ARCHIVE_BYTES} bytes")
    return content


def _check_size(name: str, size: int) -> None:
    if size > MAX_BATCH_BYTES:
        raise ValueError(f"{name} must have at most {MAX_BATCH_BYTES} bytes, has {size}")


def _fill(rows: np.ndarray, name: str, content: bytes) -> None:
    """Checks one batch and writes it into its rows of the result."""
    try:
        labels, pixels = (_parse_binary if name.endswith(".bin") else _parse_pickle)(content)
    except Exception as error:  # and so do damaged pickles
        raise ValueError(f"{name} cannot be read: {error!r}") from error
    if pixels.dtype != np.uint8 or pixels.shape != (ROWS, PIXELS):
        shape = (ROWS, PIXELS)
        raise ValueError(f"{name} must hold uint8 {shape}, has {pixels.dtype} {pixels.shape}")
    if labels.dtype.kind not in "iu" or labels.shape != (ROWS,):
        found = f"{labels.dtype} {labels.shape}"
        raise ValueError(f"{name} must hold {ROWS} integer labels, has {found}")
    if labels.min() < 0 or labels.max() > 9:
        raise ValueError(f"{name} must hold labels 0 to 9, has {labels.min()} to {labels.max()}")
    rows[:, 0] = labels
    rows[:, 1:] = pixels.reshape(ROWS, 3, -1).transpose(0, 2, 1).reshape(ROWS, PIXELS)


# What NumPy's arrays are pickled as.
_ARRAYS = {f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")}
_INTEGERS = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")


def _parse_pickle(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """(labels (n,), pixels (n, 3072) with the channels first)."""
    batch = inert_pickle.load(io.BytesIO(content), _ARRAYS | {"numpy.ndarray", "numpy.dtype"})
    return _array(batch, "labels"), _array(batch, "data")


def _array(batch, key):
    value = batch[key]
    if type(value) is list and all(type(number) is int for number in value):
        return np.array(value)
    if type(value) is Call and value.function in _ARRAYS:
        _version, shape, dtype, by_columns, content = value.state
        kind, order = dtype.arguments[0], dtype.state[1]
        if kind in _INTEGERS and order in ("|", "<", ">"):
            numbers = np.frombuffer(content.encode("latin1"), order + kind)
            return numbers.reshape(shape, order="CF"[by_columns])
    raise ValueError(f"{key} must be a list or an array of integers")


def _parse_binary(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """As `_parse_pickle`."""
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + PIXELS)
    return records[:, 0], records[:, 1:]
