"""CIFAR-10 (Krizhevsky, 2009): found or downloaded, parsed once."""

import contextlib
import os
import socket
import tempfile
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
# Of the 50,000 training images; a test recomputes them from the real data.
MEAN = (0.49139967861519607, 0.48215840839460783, 0.44653091444546567)
STD = (0.24703223246328201, 0.24348512800005556, 0.2615878417279645)

# The archive that keras.datasets.cifar10 downloads, and its names in the Keras cache: since Keras
# 3.6, then before it, when the archive was also unpacked into the cache itself.
ORIGIN = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
KERAS_ARCHIVE = "cifar-10-batches-py-target_archive"
KERAS_NAMES = (KERAS_ARCHIVE, "cifar-10-batches-py-target", "cifar-10-batches-py.tar.gz", "")
DOWNLOAD_TIMEOUT = 20  # seconds without data

ACCEPTED = f"{', '.join(ARCHIVES)}, {'/, '.join(FOLDERS)}/"
HELP = (
    "CIFAR-10 is missing: pass --data-dir DIR or set TFRESNET_DATA_DIR=DIR to a folder with "
    f"{ARCHIVES[0]}, or try --dataset shapes10, which needs no file. Received: nothing in the "
    "Keras cache ({cache}), and a failed download ({reason})"
)


def load(data_dir: str | Path | None = None) -> Dataset:
    """CIFAR-10: 50,000 training and 10,000 test images of 32x32 in ten classes.

    It comes from `data_dir` (the archive, or a folder that holds it), or $TFRESNET_DATA_DIR, or the
    Keras cache, or a download. It is parsed once, then memory-mapped from the Keras cache.
    Raises `InputError` if it is missing or not exactly CIFAR-10.
    """
    rows = _rows(_source(data_dir))
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
    """Downloads the archive into the Keras cache, under the name that Keras uses."""
    archive = datasets / KERAS_ARCHIVE
    try:
        import keras

        datasets.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            # An interrupted download leaves nothing behind.
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=datasets))
            # `get_file` has no argument for a timeout.
            stack.callback(socket.setdefaulttimeout, socket.getdefaulttimeout())
            socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
            fetched = keras.utils.get_file(
                ARCHIVES[0], ORIGIN, file_hash=SHA256, cache_subdir=folder
            )
            os.replace(fetched, archive)
    except Exception as error:  # Keras raises bare `Exception` for a failed download
        reason = " ".join(str(error).split())
        raise InputError(HELP.format(cache=datasets, reason=reason)) from None
    return archive


def _rows(source: Path) -> np.ndarray:
    """`cifar10_files.read(source)`, through the cache."""
    try:
        key = array_cache.fingerprint(cifar10_files.files(source))
    except OSError as error:
        raise InputError(f"{source} must be the whole of CIFAR-10. Received: {error}") from error
    return array_cache.load_or_make(f"cifar10-{key}", lambda: cifar10_files.read(source))
