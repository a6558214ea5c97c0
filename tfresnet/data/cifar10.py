"""CIFAR-10 (Krizhevsky, 2009): where to find it, and reading it once."""

import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfresnet.data import array_cache, cifar10_files
from tfresnet.data.cifar10_files import ARCHIVES, FOLDERS
from tfresnet.data.dataset import Dataset, Split
from tfresnet.data.places import keras_datasets, resolve_data_dir
from tfresnet.errors import InputError

CLASS_NAMES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
# Of all 50,000 training images; a test computes them again from the real data.
MEAN = (0.49139967861519607, 0.48215840839460783, 0.44653091444546567)
STD = (0.24703223246328201, 0.24348512800005556, 0.2615878417279645)

# What keras.datasets.cifar10 downloads, and the names it gives it in its cache: those of Keras 3.6
# and newer, then those of older versions, which also unpacked into the cache itself.
ORIGIN = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
KERAS_ARCHIVE = "cifar-10-batches-py-target_archive"
KERAS_NAMES = (KERAS_ARCHIVE, "cifar-10-batches-py-target", "cifar-10-batches-py.tar.gz", "")
DOWNLOAD_TIMEOUT = 20  # seconds without an answer

ACCEPTED = f"{', '.join(ARCHIVES)}, {'/, '.join(FOLDERS)}/"
HELP = (
    "CIFAR-10 is missing: pass --data-dir DIR or set TFRESNET_DATA_DIR=DIR to a folder with "
    f"{ARCHIVES[0]}, or try --dataset shapes10, which needs no file. Received: nothing in the "
    "Keras cache ({cache}), and a failed download ({reason})"
)


def load(data_dir: str | Path | None = None) -> Dataset:
    """CIFAR-10: 50,000 training and 10,000 test images of 32x32 in ten classes.

    It is looked for in `data_dir` (the archive, or a folder that holds it), or else in
    $TFRESNET_DATA_DIR, or else in the Keras cache, or else downloaded. What was read once is kept
    as one array in the Keras cache and memory-mapped.
    Raises `InputError` if it cannot be found or is not exactly CIFAR-10.
    """
    rows = _read_once(_source(data_dir))
    images = rows[:, 1:].reshape(-1, 32, 32, 3)
    labels = rows[:, 0].astype(np.int32)
    test = len(rows) - cifar10_files.ROWS
    return Dataset(
        name="cifar10",
        class_names=CLASS_NAMES,
        train=Split(images[:test], labels[:test]),
        test=Split(images[test:], labels[test:]),
        mean=MEAN,
        std=STD,
        flip=True,
    )


def _source(data_dir: str | Path | None) -> Path:
    if data_dir is not None:
        return _source_in(data_dir, "data_dir")
    if directory := os.environ.get("TFRESNET_DATA_DIR"):
        return _source_in(directory, "TFRESNET_DATA_DIR")
    folders = keras_datasets()
    cached = (cifar10_files.find(folder / name) for folder in folders for name in KERAS_NAMES)
    return next(filter(None, cached), None) or _download(folders[-1])


def _source_in(directory: str | Path, setting: str) -> Path:
    """The source at the place that the user named: there or nowhere."""
    place = Path(resolve_data_dir(directory))
    source = cifar10_files.find(place)
    if source is None:
        state = "none of them" if os.path.isdir(place) else "no such file or folder"
        raise InputError(
            f"{setting} must be one of {ACCEPTED}, or a folder that holds one. "
            f"Received: {place} ({state})"
        )
    return source


def _download(datasets: Path) -> Path:
    """Fetches the archive into the Keras cache, under the name that Keras looks for."""
    archive = datasets / KERAS_ARCHIVE
    try:
        import keras

        datasets.mkdir(parents=True, exist_ok=True)
        # Into a folder of its own first: whatever ends the download, nothing partial stays.
        with tempfile.TemporaryDirectory(dir=datasets) as folder, _timeout(DOWNLOAD_TIMEOUT):
            fetched = keras.utils.get_file(
                ARCHIVES[0], ORIGIN, file_hash=SHA256, cache_subdir=folder
            )
            os.replace(fetched, archive)
    except Exception as error:  # Keras raises bare Exceptions for failed downloads
        reason = " ".join(str(error).split())
        raise InputError(HELP.format(cache=datasets, reason=reason)) from None
    return archive


@contextlib.contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """A limit for connections that set none themselves; `get_file` has no argument for it."""
    previous = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(previous)


def _read_once(source: Path) -> np.ndarray:
    """The rows of `cifar10_files.read`, from the cache if they were read before."""
    try:
        key = array_cache.fingerprint(cifar10_files.files(source))
    except OSError as error:
        raise InputError(f"{source} must be the whole of CIFAR-10. Received: {error}") from error
    path = keras_datasets()[-1] / "tfresnet" / f"cifar10-{key}.npy"
    rows = array_cache.load(path)
    if rows is None:
        rows = cifar10_files.read(source)
        array_cache.store(path, rows)
    return rows
