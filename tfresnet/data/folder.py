"""A data set of pictures in one folder per class.

The root holds `train/CLASS/*` with `val/` and `test/` beside it, or `CLASS/*`; see `folder_layout`.
If only one of `val/` and `test/` exists, it is the test split; if neither does, training pictures
are held out.
The first load reads all pictures once, to find broken ones before a training and to measure mean
and deviation. The Keras cache keeps the result.
"""

import hashlib
import logging
import os
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from tfresnet.data import array_cache, picture_files
from tfresnet.data.ahead import map_ahead
from tfresnet.data.dataset import Dataset, Split, balanced_order
from tfresnet.data.folder_layout import find_parts, pictures_in, subfolders
from tfresnet.data.pictures import Memory, Pictures
from tfresnet.data.places import resolve_data_dir
from tfresnet.errors import InputError
from tfresnet.system.hardware import free_memory

IMAGE_SIZE = 64  # the largest size for the stem of small images
TEST_SHARE = 0.2  # of each class, in a folder without test pictures; the same for every seed
MEASURED_SIDE = 64  # pixels of the shorter side when mean and deviation are measured
TOGETHER = 32  # pictures that a thread measures at a time
PATIENCE = 10  # seconds between progress messages of the first load
logger = logging.getLogger("tfresnet")


def load(
    data_dir: str | Path | None, image_size: int | None = None, skip_broken: bool = False
) -> Dataset:
    """The pictures in `data_dir` as square images of `image_size` (64) pixels.

    A file is a picture if its suffix says so; hidden files are skipped. Raises `InputError` for
    fewer than two classes, a class without a training picture, a class that `train/` lacks, and a
    broken picture unless `skip_broken`.
    """
    root = _root(data_dir)
    folders = find_parts(root)
    names = subfolders(folders["train"])
    if len(names) < 2:
        raise InputError(
            "data_dir must hold a folder of pictures for each of two classes or more, by itself or "
            f"in train/. Received: {folders['train']} with {len(names)} ({', '.join(names)})"
        )
    side = image_size or IMAGE_SIZE
    memory = Memory(2 * side, free_memory() // 2)
    splits = {name: _split(folder, names, side, memory) for name, folder in folders.items()}
    _check_classes(folders["train"], names, splits["train"])
    files = _files(splits)
    key = _fingerprint(root, files, times=True)
    rows = array_cache.load_or_make(f"folder-{key}", lambda: _measure_all(root, files))
    measured = dict(zip(files, rows, strict=True))
    if not rows[:, 0].all():
        _report_broken(files[rows[:, 0] == 0], skip_broken)
        for name, split in splits.items():
            sound = [measured[file][0] for file in split.images.files]
            splits[name] = split.take(np.flatnonzero(sound))
        _check_classes(folders["train"], names, splits["train"])
    return _dataset(root, names, _with_test_split(splits), measured)


def _dataset(root, names, splits, measured):
    rows = np.array([measured[file] for file in splits["train"].images.files])
    mean, square = rows[:, 1:4].mean(axis=0), rows[:, 4:].mean(axis=0)
    std = np.sqrt(np.maximum(square - mean**2, 1e-4))  # above 0 for pictures of one colour
    return Dataset(
        name="folder",
        class_names=tuple(names),
        train=splits["train"],
        validation=splits.get("val"),
        test=splits["test"],
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        flip=True,
        fingerprint=_fingerprint(root, _files(splits)),
    )


def _root(data_dir):
    if data_dir is None:
        raise InputError("data_dir must be given for dataset folder. Received: None")
    root = Path(resolve_data_dir(data_dir))
    if not root.is_dir():
        raise InputError(f"data_dir must be a folder of pictures. Received: {root} (no folder)")
    return root


def _split(folder: Path, class_names: list[str], side: int, memory: Memory) -> Split:
    """The pictures in the folders of the classes, sorted by class and name."""
    unknown = [name for name in subfolders(folder) if name not in class_names]
    if unknown:
        raise InputError(
            f"{folder.name}/ must have no classes but those of train/. "
            f"Received: {', '.join(unknown)} in {folder}"
        )
    files, labels, others = [], [], 0
    for label, name in enumerate(class_names):
        if not os.path.isdir(folder / name):
            continue
        pictures, more = pictures_in(folder / name)
        others += more
        files += [os.path.join(folder, name, file) for file in pictures]
        labels += [label] * len(pictures)
    if others:
        logger.warning("skipping %d files in %s that are no pictures by name", others, folder)
    if not files:
        raise InputError(f"data_dir must hold pictures. Received: none in {folder}")
    return Split(Pictures(files, side, memory), np.array(labels, np.int32))


def _files(splits: dict[str, Split]) -> np.ndarray:
    return np.concatenate([split.images.files for split in splits.values()])


def _check_classes(folder, class_names, split):
    for label in set(range(len(class_names))) - set(split.labels.tolist()):
        raise InputError(
            "each class must have a picture to train on. "
            f"Received: none in {folder / class_names[label]}"
        )


def _with_test_split(splits: dict[str, Split]) -> dict[str, Split]:
    """Adds a test split if there is none: `val/`, or else a share of the training pictures."""
    if "test" in splits:
        return splits
    if "val" in splits:
        return {"train": splits["train"], "test": splits["val"]}
    train = splits["train"]
    count = round(TEST_SHARE * len(train))
    if count == 0:
        raise InputError(f"data_dir must hold 3 pictures or more. Received: {len(train)}")
    test, rest = np.split(balanced_order(train.labels, seed=0), [count])
    return {"train": train.take(np.sort(rest)), "test": train.take(np.sort(test))}


def _measure_all(root: Path, files: np.ndarray) -> np.ndarray:
    """float64 (n, 7), a row of `_measure` for each file."""
    began = reported = time.monotonic()
    rows = []
    requests = ((files[i : i + TOGETHER],) for i in range(0, len(files), TOGETHER))
    for some in map_ahead(lambda paths: [_measure(path) for path in paths], requests):
        rows += some
        if time.monotonic() > reported + PATIENCE:
            reported = time.monotonic()
            left = (reported - began) * (len(files) - len(rows)) / len(rows)
            message = "%s: %d of %d pictures read for the first time, %.0f s left"
            logger.warning(message, root, len(rows), len(files), left)
    return np.array(rows)


def _measure(path):
    """[1, mean, mean square], the last two by channel; zeros for a broken picture."""
    try:
        pixels = np.asarray(picture_files.read(path, MEASURED_SIDE)) / 255
    except InputError:
        return [0.0] * 7
    return [1.0, *pixels.mean(axis=(0, 1)), *(pixels**2).mean(axis=(0, 1))]


def _report_broken(broken: np.ndarray, skip: bool) -> None:
    try:
        picture_files.read(broken[0], MEASURED_SIDE)
        reason = f"{broken[0]} could not be read"
    except InputError as error:
        reason = str(error)
    others = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
    if not skip:
        raise InputError(f"{reason}{others} (--skip-broken leaves them out)")
    logger.warning("%d broken pictures skipped: %s%s", len(broken), reason, others)


def _fingerprint(root: Path, files: np.ndarray, times: bool = False) -> str:
    """Changes with names and sizes of the files; with `times` also with their place and times."""
    digest = hashlib.sha256(str(root).encode("utf-8", "surrogateescape") if times else b"")
    for file in files:
        digest.update(file.removeprefix(str(root)).encode("utf-8", "surrogateescape") + b"\0")
        with suppress(OSError):
            status = os.stat(file)
            digest.update(f"{status.st_size} {status.st_mtime_ns if times else ''}\0".encode())
    return digest.hexdigest()[:16]
