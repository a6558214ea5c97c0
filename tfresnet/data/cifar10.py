"""CIFAR-10 (Krizhevsky, 2009): found or downloaded, parsed once."""

import contextlib
import logging
import os
import socket
import tempfile
import zlib
from pathlib import Path

import numpy as np

from tfresnet.data import array_cache, cifar10_files
from tfresnet.data.cifar10_files import CIFAR10, Published
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

KERAS_ARCHIVE = "-target_archive"  # ends its name in the cache of Keras
DOWNLOAD_TIMEOUT = 20  # seconds without data

logger = logging.getLogger("tfresnet")
HELP = (
    "{title} is missing: pass --data-dir DIR or set TFRESNET_DATA_DIR=DIR to a folder with "
    "{archive}, or try --dataset shapes10, which needs no file. Received: nothing in the "
    "Keras cache ({cache}), and a failed download ({reason})"
)


def load(data_dir: str | Path | None = None) -> Dataset:
    """CIFAR-10: 50,000 training and 10,000 test images of 32x32 in ten classes.

    It comes from `data_dir` (the archive, or a folder that holds it), or $TFRESNET_DATA_DIR, or the
    Keras cache, or a download. It is parsed once, then memory-mapped from the Keras cache.
    Raises `InputError` if it is missing or not exactly CIFAR-10.
    """
    rows = read_rows(CIFAR10, data_dir)
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


def read_rows(form: Published, data_dir: str | Path | None) -> np.ndarray:
    """`cifar10_files.read` of the set, wherever it is, through the cache. Warns if it differs from
    the published one. Errors: see `load`."""
    source = _source(form, data_dir)
    try:
        key = array_cache.fingerprint(cifar10_files.files(source, form))
    except OSError as error:
        raise InputError(
            f"{source} must be the whole of {form.title}. Received: {error}"
        ) from error
    name = form.title.lower().replace("-", "")
    rows = array_cache.load_or_make(f"{name}-{key}", lambda: cifar10_files.read(source, form))
    if form.crc32 not in (None, zlib.crc32(rows)):
        logger.warning("%s has other images or labels than the published %s", source, form.title)
    return rows


def is_here() -> bool:
    """Whether `load()` needs no download."""
    return bool(os.environ.get("TFRESNET_DATA_DIR") or _in_cache(CIFAR10))


def _source(form: Published, data_dir: str | Path | None) -> Path:
    if data_dir is not None:
        return _source_in(form, data_dir, "data_dir")
    if directory := os.environ.get("TFRESNET_DATA_DIR"):
        return _source_in(form, directory, "TFRESNET_DATA_DIR")
    return _in_cache(form) or _download(form, keras_datasets()[-1])


def _in_cache(form: Published) -> Path | None:
    # Since Keras 3.6, then before it, when the archive was also unpacked into the cache itself.
    names = [form.keras_name + end for end in (KERAS_ARCHIVE, "-target", ".tar.gz")]
    places = (folder / name for folder in keras_datasets() for name in (*names, ""))
    return next(filter(None, (cifar10_files.find(place, form) for place in places)), None)


def _source_in(form: Published, directory: str | Path, setting: str) -> Path:
    place = Path(resolve_data_dir(directory))
    source = cifar10_files.find(place, form)
    if source is None:
        state = "none of them" if os.path.isdir(place) else "no such file or folder"
        accepted = f"{', '.join(form.archives)}, {'/, '.join(form.folders)}/"
        raise InputError(
            f"{setting} must be one of {accepted}, or a folder that holds one. "
            f"Received: {place} ({state})"
        )
    return source


def _download(form: Published, datasets: Path) -> Path:
    """Downloads the archive into the Keras cache, under the name that Keras uses."""
    archive = datasets / f"{form.keras_name}{KERAS_ARCHIVE}"
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
                form.archives[0], form.origin, file_hash=form.sha256, cache_subdir=folder
            )
            os.replace(fetched, archive)
    except Exception as error:  # Keras raises bare `Exception` for a failed download
        reason = " ".join(str(error).split())
        about = {"title": form.title, "archive": form.archives[0], "cache": datasets}
        raise InputError(HELP.format(**about, reason=reason)) from None
    return archive
