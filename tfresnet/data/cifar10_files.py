"""The files CIFAR-10 is published in, read without trusting them.

Source of the formats: https://www.cs.toronto.edu/~kriz/cifar.html. Archives are never extracted,
batches are unpickled with an allow-list, and everything that is not exactly CIFAR-10 ends in an
`InputError` that names the file.
"""

import gzip
import io
import os
import pickle
import pickletools
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfresnet.errors import InputError

# Folder in the archive -> what the names of its batches end in.
FOLDERS = {"cifar-10-batches-py": "", "cifar-10-batches-bin": ".bin"}
# Safari unpacks what it downloads, and leaves the .tar.
ARCHIVES = ("cifar-10-python.tar.gz", "cifar-10-python.tar")
ARCHIVES += ("cifar-10-binary.tar.gz", "cifar-10-binary.tar")
BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")

ROWS = 10_000  # images in each batch
PIXELS = 3 * 32 * 32
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
    """(name, content) of each batch that the archive holds."""
    wanted = {f"{dir}/{name}{end}": name + end for dir, end in FOLDERS.items() for name in BATCHES}
    with tarfile.open(fileobj=io.BytesIO(_unpacked(source)), mode="r:") as archive:
        for member in archive:
            name = wanted.get(member.name.removeprefix("./"))
            if name is None:
                continue
            if not member.isreg():
                raise ValueError(f"{name} must be a regular file")
            _check_size(name, member.size)
            yield name, archive.extractfile(member).read()


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


class _BatchUnpickler(pickle.Unpickler):
    """Builds what a CIFAR-10 batch consists of; any other name in the pickle is refused."""

    _array = np.empty(0).__reduce__()[0]  # NumPy's own function for rebuilding an array
    _allowed = {  # noqa: RUF012 (never changed)
        ("numpy.core.multiarray", "_reconstruct"): _array,
        ("numpy._core.multiarray", "_reconstruct"): _array,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        # Protocol 2 of Python 3 writes bytes this way, and only with latin1.
        ("_codecs", "encode"): lambda text, _encoding: text.encode("latin1"),
    }

    def find_class(self, module: str, name: str):
        if (module, name) not in self._allowed:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a CIFAR-10 batch")
        return self._allowed[module, name]


def _parse_pickle(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """(labels (n,), pixels (n, 3072) with the channels first)."""
    for opcode, argument, _ in pickletools.genops(content):
        # Before it stores entry n of its memo, pickle takes memory for n entries.
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and argument > len(content):
            raise pickle.UnpicklingError(f"memo entry {argument} in {len(content)} bytes")
    batch = _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
    return np.asarray(batch[b"labels"]), np.asarray(batch[b"data"])


def _parse_binary(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """As `_parse_pickle`."""
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + PIXELS)
    return records[:, 0], records[:, 1:]
