"""The files CIFAR-10 is published in, read without trusting them.

Source of the formats: https://www.cs.toronto.edu/~kriz/cifar.html. Archives are read member by
member and never extracted, batches are unpickled with an allow-list, and everything that is not
exactly CIFAR-10 ends in an `InputError` that names the file.
"""

import gzip
import io
import os
import pickle
import pickletools
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfresnet.errors import InputError

ROWS = 10_000  # images in each of the six batches
PIXELS = 3 * 32 * 32
MAX_BATCH_BYTES = 64 * 2**20  # the real ones have 31 MB
MAX_ARCHIVE_BYTES = 512 * 2**20  # unpacked; the real ones have 186 MB

Batch = tuple[np.ndarray, np.ndarray]  # labels (n,) and pixels (n, 3072), channels first


@dataclass(frozen=True)
class Form:
    """One of the published forms: names of the archive, of the folder in it and of its batches."""

    archive: str
    folder: str
    batches: tuple[str, ...]  # five for training, then the test batch
    parse: Callable[[bytes], Batch]


@dataclass(frozen=True)
class Source:
    """A place that seems to hold CIFAR-10: an archive, or a folder with the six batches."""

    path: Path
    form: Form

    def files(self) -> list[Path]:
        """The files that `read` opens."""
        if self.path.is_dir():
            return [self.path / name for name in self.form.batches]
        return [self.path]


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


def _parse_pickle(content: bytes) -> Batch:
    for opcode, argument, _ in pickletools.genops(content):
        # Before it stores entry n of its memo, pickle takes memory for n entries.
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and argument > len(content):
            raise pickle.UnpicklingError(f"memo entry {argument} in {len(content)} bytes")
    batch = _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
    return np.asarray(batch[b"labels"]), np.asarray(batch[b"data"])


def _parse_binary(content: bytes) -> Batch:
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + PIXELS)
    return records[:, 0], records[:, 1:]


def _batch_names(suffix: str) -> tuple[str, ...]:
    return (*(f"data_batch_{i}{suffix}" for i in range(1, 6)), f"test_batch{suffix}")


PYTHON = Form("cifar-10-python.tar.gz", "cifar-10-batches-py", _batch_names(""), _parse_pickle)
BINARY = Form("cifar-10-binary.tar.gz", "cifar-10-batches-bin", _batch_names(".bin"), _parse_binary)
FORMS = (PYTHON, BINARY)


def find(directory: Path) -> Source | None:
    """The first published form that stands in the directory, or is the directory; else None."""
    for form in FORMS:
        if os.path.isfile(directory / form.archive):
            return Source(directory / form.archive, form)
        for folder in (directory / form.folder, directory):
            if os.path.isfile(folder / form.batches[0]):
                return Source(folder, form)
    return None


def read(source: Source) -> np.ndarray:
    """All images, uint8 (6 * ROWS, 1 + 3072): the label, then the pixels (32, 32, 3) in one row.

    The training images come first. Raises `InputError`, naming the file, for anything unreadable,
    incomplete or out of range.
    """
    names = source.form.batches
    rows = np.empty((len(names) * ROWS, 1 + PIXELS), np.uint8)
    missing = set(names)
    for name, content in _contents(source):
        start = names.index(name) * ROWS
        _fill(rows[start : start + ROWS], content, source, name)
        missing.discard(name)
    if missing:
        raise _unusable(source, f"lacks {', '.join(sorted(missing))}")
    return rows


def _contents(source: Source) -> Iterator[tuple[str, bytes]]:
    """(batch name, content) of each batch that the source holds."""
    try:
        yield from _in_folder(source) if source.path.is_dir() else _in_archive(source)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise _unusable(source, error) from error


def _in_folder(source: Source) -> Iterator[tuple[str, bytes]]:
    for path in source.files():
        _check_size(path.name, path.stat().st_size)
        yield path.name, path.read_bytes()


def _in_archive(source: Source) -> Iterator[tuple[str, bytes]]:
    wanted = {f"{source.form.folder}/{name}": name for name in source.form.batches}
    with _BoundedGzip(source.path) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
        for member in archive:
            name = wanted.get(member.name.removeprefix("./"))
            if name is None:
                continue
            if not member.isreg():
                raise tarfile.TarError(f"{name} must be a regular file")
            _check_size(name, member.size)
            yield name, archive.extractfile(member).read()


class _BoundedGzip(gzip.GzipFile):
    """Does not unpack more than `MAX_ARCHIVE_BYTES`, whatever the headers inside ask for."""

    def read(self, size=-1):
        self._check(self.tell() + max(size, 0))
        return super().read(size)

    def seek(self, offset, whence=io.SEEK_SET):
        self._check(offset)
        return super().seek(offset, whence)

    def _check(self, end):
        if end > MAX_ARCHIVE_BYTES:
            raise OSError(f"must unpack to at most {MAX_ARCHIVE_BYTES} bytes")


def _check_size(name: str, size: int) -> None:
    if size > MAX_BATCH_BYTES:
        raise OSError(f"{name} must have at most {MAX_BATCH_BYTES} bytes, has {size}")


def _fill(rows: np.ndarray, content: bytes, source: Source, name: str) -> None:
    """Checks one batch and writes it into its rows of the result."""
    try:
        labels, pixels = source.form.parse(content)
    except Exception as error:  # damaged pickles raise nearly every type there is
        raise _unusable(source, f"{name} cannot be read: {error!r}") from error
    if pixels.dtype != np.uint8 or pixels.shape != (ROWS, PIXELS):
        raise _unusable(
            source, f"{name} must hold uint8 {(ROWS, PIXELS)}, has {pixels.dtype} {pixels.shape}"
        )
    if labels.dtype.kind not in "iu" or labels.shape != (ROWS,):
        raise _unusable(
            source, f"{name} must hold {ROWS} integer labels, has {labels.dtype} {labels.shape}"
        )
    if labels.min() < 0 or labels.max() > 9:
        raise _unusable(
            source, f"{name} must hold labels 0 to 9, has {labels.min()} to {labels.max()}"
        )
    rows[:, 0] = labels
    rows[:, 1:] = pixels.reshape(ROWS, 3, -1).transpose(0, 2, 1).reshape(ROWS, PIXELS)


def _unusable(source: Source, problem: object) -> InputError:
    reason = " ".join(str(problem).split())
    return InputError(f"{source.path} must be a complete {source.form.archive}. Received: {reason}")
