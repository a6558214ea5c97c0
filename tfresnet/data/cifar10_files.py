"""The files CIFAR-10 and CIFAR-100 are published in, read without trusting them.

Source of the formats: https://www.cs.toronto.edu/~kriz/cifar.html. Archives are never extracted,
nothing in a pickle is run, and everything that is not exactly the data set ends in an `InputError`
that names the file.
"""

import gzip
import io
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfresnet.errors import InputError
from tfresnet.system import inert_pickle
from tfresnet.system.inert_pickle import Call

ROWS = 10_000  # images in the smallest batch
PIXELS = 3 * 32 * 32
BLOCK = 512  # bytes, of which a tar file consists
MAX_BATCH_BYTES = 64 * 2**20  # for each `ROWS`; the real ones have 31 MB
MAX_ARCHIVE_BYTES = 512 * 2**20  # unpacked; the real ones have 186 MB


@dataclass(frozen=True)
class Published:
    """The form of one of the two sets.

    folders: folder in an archive -> what the names of its batches end in.
    batches: name -> how many times `ROWS` images, training first.
    labels: key in a pickle -> number of classes, in the order of the bytes of the binary version.
    origin, sha256: of the archive that Keras downloads; keras_name: of its folder in the cache.
    crc32: of what `read` returns; None if nobody has read the real set with this code.
    """

    title: str
    folders: dict[str, str]
    batches: dict[str, int]
    labels: dict[str, int]
    origin: str
    sha256: str
    keras_name: str
    crc32: int | None = None

    @property
    def archives(self) -> list[str]:
        """File names. Safari unpacks what it downloads, and leaves the .tar."""
        stem = self.title.lower()
        return [f"{stem}-{kind}.tar{end}" for kind in ("python", "binary") for end in (".gz", "")]


CIFAR10 = Published(
    title="CIFAR-10",
    folders={"cifar-10-batches-py": "", "cifar-10-batches-bin": ".bin"},
    batches=dict.fromkeys([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"], 1),
    labels={"labels": 10},
    origin="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    keras_name="cifar-10-batches-py",
    crc32=0xA086ABD4,
)
CIFAR100 = Published(
    title="CIFAR-100",
    folders={"cifar-100-python": "", "cifar-100-binary": ".bin"},
    batches={"train": 5, "test": 1},
    labels={"coarse_labels": 20, "fine_labels": 100},
    origin="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    keras_name="cifar-100-python",
)


def find(path: Path, form: Published = CIFAR10) -> Path | None:
    """The archive or the folder of batches that `path` is, or holds; else None."""
    for archive in (path, *(path / name for name in form.archives)):
        if os.path.isfile(archive):
            return archive
    for folder in (*(path / name for name in form.folders), path):
        if _suffix(folder, form) is not None:
            return folder
    return None


def files(source: Path, form: Published = CIFAR10) -> list[Path]:
    """The files that `read` opens."""
    if os.path.isfile(source):
        return [source]
    return [source / f"{name}{_suffix(source, form)}" for name in form.batches]


def _suffix(folder: Path, form: Published) -> str | None:
    """What the names of the batches in a folder end in; None if there are none."""
    first = next(iter(form.batches))
    return next((s for s in form.folders.values() if os.path.isfile(folder / f"{first}{s}")), None)


def read(source: Path, form: Published = CIFAR10) -> np.ndarray:
    """All images, uint8: in each row the labels, then the pixels (32, 32, 3).

    The training images come first. Raises `InputError`, naming the file, for anything unreadable,
    incomplete or out of range.
    """
    ends = dict(zip(form.batches, ROWS * np.cumsum([*form.batches.values()]), strict=True))
    rows = np.empty((ends[[*ends][-1]], len(form.labels) + PIXELS), np.uint8)
    missing = set(form.batches)
    contents = _in_archive if os.path.isfile(source) else _in_folder
    try:
        for name, content in contents(source, form):
            batch = name.removesuffix(".bin")
            start = ends[batch] - ROWS * form.batches[batch]
            _fill(rows[start : ends[batch]], name, content, form.labels)
            missing.discard(batch)
        if missing:
            raise ValueError(f"lacks {', '.join(sorted(missing))}")
    except Exception as error:  # damaged archives raise nearly every type there is
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{source} must be the whole of {form.title}. Received: {reason}"
        ) from error
    return rows


def _in_folder(source: Path, form: Published) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each batch."""
    for path in files(source, form):
        _check_size(path.name, path.stat().st_size, form)
        yield path.name, path.read_bytes()


def _in_archive(source: Path, form: Published) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each batch that the archive holds.

    A tar file is a row of headers, each followed by its content in whole blocks. Extensions of the
    format have headers of their own, which no name of a batch needs. Source: POSIX, pax, "ustar
    Interchange Format".
    """
    folders = form.folders.items()
    wanted = {f"{dir}/{name}{end}": name + end for dir, end in folders for name in form.batches}
    content, start = _unpacked(source), 0
    while any(header := content[start : start + BLOCK]):
        path, size = header[:100].partition(b"\0")[0], header[124:136].strip(b" \0")
        if not size.isdigit():
            raise ValueError("is no tar file")
        start, end = start + BLOCK, start + BLOCK + int(size, 8)
        if name := wanted.get(path.decode("latin1").removeprefix("./")):
            if header[156:157] not in (b"0", b"\0"):
                raise ValueError(f"{name} must be a regular file")
            _check_size(name, end - start, form)
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


def _check_size(name: str, size: int, form: Published) -> None:
    most = MAX_BATCH_BYTES * form.batches[name.removesuffix(".bin")]
    if size > most:
        raise ValueError(f"{name} must have at most {most} bytes, has {size}")


def _fill(rows: np.ndarray, name: str, content: bytes, classes: dict[str, int]) -> None:
    """Checks one batch and writes it into its rows of the result."""
    parse = _parse_binary if name.endswith(".bin") else _parse_pickle
    try:
        labels, pixels = parse(content, classes)
    except Exception as error:  # and so do damaged pickles
        raise ValueError(f"{name} cannot be read: {error!r}") from error
    shape = (len(rows), PIXELS)
    if pixels.dtype != np.uint8 or pixels.shape != shape:
        raise ValueError(f"{name} must hold uint8 {shape}, has {pixels.dtype} {pixels.shape}")
    for column, (numbers, count) in enumerate(zip(labels, classes.values(), strict=True)):
        _check_labels(name, numbers, count, len(rows))
        rows[:, column] = numbers
    pixels = pixels.reshape(len(rows), 3, -1).transpose(0, 2, 1)
    rows[:, len(classes) :] = pixels.reshape(shape)


def _check_labels(name, labels, classes, count):
    if labels.dtype.kind not in "iu" or labels.shape != (count,):
        found = f"{labels.dtype} {labels.shape}"
        raise ValueError(f"{name} must hold {count} integer labels, has {found}")
    if labels.min() < 0 or labels.max() >= classes:
        found = f"{labels.min()} to {labels.max()}"
        raise ValueError(f"{name} must hold labels 0 to {classes - 1}, has {found}")


# What NumPy's arrays are pickled as.
_ARRAYS = {f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")}
_INTEGERS = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")


def _parse_pickle(content: bytes, keys: Iterable[str]) -> tuple[list[np.ndarray], np.ndarray]:
    """(labels (n,) by each key, pixels (n, 3072) with the channels first)."""
    batch = inert_pickle.load(io.BytesIO(content), _ARRAYS | {"numpy.ndarray", "numpy.dtype"})
    return [_array(batch, key) for key in keys], _array(batch, "data")


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


def _parse_binary(content: bytes, keys: Collection[str]) -> tuple[list[np.ndarray], np.ndarray]:
    """As `_parse_pickle`."""
    records = np.frombuffer(content, np.uint8).reshape(-1, len(keys) + PIXELS)
    return [*records[:, : len(keys)].T], records[:, len(keys) :]
