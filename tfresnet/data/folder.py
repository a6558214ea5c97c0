"""A folder of pictures in folders of classes, as a data set.

`train/CLASS/*` with `val/` and `test/` beside it, or `CLASS/*` alone. Of one of `val/` and `test/`
the pictures are the test images; what is missing is taken from the training pictures. The first
time all pictures are read once, so that a broken one is known before a training and not in it, and
mean and deviation are measured; both are kept in the cache of Keras.
"""

import hashlib
import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfresnet.data import array_cache, picture_files
from tfresnet.data.ahead import in_order
from tfresnet.data.dataset import Dataset, Split, balanced_order
from tfresnet.data.pictures import Memory, Pictures
from tfresnet.data.places import PICTURES, keras_datasets, resolve_data_dir
from tfresnet.errors import InputError
from tfresnet.system.hardware import free_memory

IMAGE_SIZE = 64  # the largest that the networks' stems for small images are made for
TEST_SHARE = 0.2  # of each class, in a folder without test pictures: the same for every seed
MEASURED_SIDE = 64  # pixels of the shorter side from which mean and deviation are computed
TOGETHER = 32  # pictures that a thread checks at a time
PATIENCE = 10  # seconds between two lines about the first reading
logger = logging.getLogger("tfresnet")


@dataclass
class _Part:
    """Files of one part of a data set and their classes, which have equal places in both."""

    files: np.ndarray
    labels: np.ndarray

    def take(self, chosen) -> "_Part":
        return _Part(self.files[chosen], self.labels[chosen])


def load(
    data_dir: str | Path | None, image_size: int | None = None, skip_broken: bool = False
) -> Dataset:
    """The pictures below `data_dir` as images of `image_size` (64) pixels each way.

    Files are pictures by their names; hidden and other ones are passed over. Raises `InputError`
    for fewer than two classes, a class without a picture to train on, one that `train/` has not,
    and a broken picture unless `skip_broken`.
    """
    root = _root(data_dir)
    folders = {name: root / name for name in ("train", "val", "test") if _subfolders(root / name)}
    folders = folders if "train" in folders else {"train": root}
    names = _subfolders(folders["train"])
    if len(names) < 2:
        raise InputError(
            "data_dir must hold a folder of pictures for each of two classes or more, by itself or "
            f"in train/. Received: {folders['train']} with {len(names)} ({', '.join(names)})"
        )
    parts = {name: _listed(folder, names) for name, folder in folders.items()}
    _check_classes(folders["train"], names, parts["train"])
    files = np.concatenate([part.files for part in parts.values()])
    measured = dict(zip(files, _measured(root, files), strict=True))
    broken = [file for file in files if not measured[file][0]]
    if broken:
        _report_broken(broken, skip_broken)
        gone = set(broken)
        for name, part in parts.items():
            parts[name] = part.take([file not in gone for file in part.files])
        _check_classes(folders["train"], names, parts["train"])
    return _dataset(root, names, _with_test(parts), measured, image_size or IMAGE_SIZE)


def _dataset(root, names, parts, measured, side):
    measured = np.array([measured[file] for file in parts["train"].files])
    memory = Memory(2 * side, free_memory() // 2)
    splits = {
        name: Split(Pictures(part.files, side, memory), part.labels) for name, part in parts.items()
    }
    mean, square = measured[:, 1:4].mean(axis=0), measured[:, 4:].mean(axis=0)
    return Dataset(
        name="folder",
        class_names=tuple(names),
        train=splits["train"],
        validation=splits.get("val"),
        test=splits["test"],
        mean=tuple(mean.tolist()),
        std=tuple(np.sqrt(np.maximum(square - mean**2, 1e-4)).tolist()),  # not 0: one colour
        flip=True,
        fingerprint=_fingerprint(root, np.concatenate([p.files for p in parts.values()])),
    )


def _root(data_dir):
    if data_dir is None:
        raise InputError("data_dir must be given for dataset folder. Received: None")
    root = Path(resolve_data_dir(data_dir))
    if not root.is_dir():
        raise InputError(f"data_dir must be a folder of pictures. Received: {root} (no folder)")
    return root


def _subfolders(folder: Path) -> list[str]:
    """Names of the folders in a folder, in order, hidden ones left out."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    names = [name for name in names if name[0] != "." and name != "__MACOSX"]
    names = [name for name in names if os.path.isdir(folder / name)]
    for name in names:
        if any("\ud800" <= c <= "\udfff" for c in name):
            raise InputError(f"the name of a class must be text. Received: {folder / name!r}")
    return names


def _listed(folder: Path, class_names: list[str]) -> _Part:
    """The pictures in the folders of the classes, by class and name."""
    unknown = [name for name in _subfolders(folder) if name not in class_names]
    if unknown:
        raise InputError(
            f"{folder.name}/ must have no classes but those of train/. "
            f"Received: {', '.join(unknown)} in {folder}"
        )
    files, labels, others = [], [], 0
    for label, name in enumerate(class_names):
        found = os.listdir(folder / name) if os.path.isdir(folder / name) else []
        found = [file for file in found if file[0] != "."]
        pictures = sorted(f for f in found if f.lower().endswith(PICTURES))
        others += len(found) - len(pictures)
        files += [os.path.join(folder, name, file) for file in pictures]
        labels += [label] * len(pictures)
    if others:
        what = "passing over what is no picture by its name: %d files in %s"
        logger.warning(what, others, folder)
    if not files:
        raise InputError(f"data_dir must hold pictures. Received: none in {folder}")
    return _Part(np.array(files, object), np.array(labels, np.int32))


def _check_classes(folder, class_names, part):
    for label in set(range(len(class_names))) - set(part.labels.tolist()):
        raise InputError(
            "each class must have a picture to train on. "
            f"Received: none in {folder / class_names[label]}"
        )


def _with_test(parts: dict[str, _Part]) -> dict[str, _Part]:
    """With test images: those of `val/` where that is alone, or some of the training pictures."""
    if "test" in parts:
        return parts
    if "val" in parts:
        return {"train": parts["train"], "test": parts["val"]}
    train = parts["train"]
    order = balanced_order(train.labels, seed=0)
    count = round(TEST_SHARE * len(order))
    if count == 0:
        raise InputError(f"data_dir must hold 3 pictures or more. Received: {len(order)}")
    return {
        "train": train.take(np.sort(order[count:])),
        "test": train.take(np.sort(order[:count])),
    }


def _measured(root: Path, files: np.ndarray) -> np.ndarray:
    """float64 (n, 7), a row for each file: whether it is sound, mean and mean square by channel."""
    key = _fingerprint(root, files, times=True)
    path = keras_datasets()[-1] / "tfresnet" / f"folder-{key}.npy"
    rows = array_cache.load(path)
    if rows is None:
        rows = _measured_anew(root, files)
        array_cache.store(path, rows)
    return rows


def _measured_anew(root, files):
    began = said = time.monotonic()
    parts, done = [], 0
    requests = ((files[i : i + TOGETHER],) for i in range(0, len(files), TOGETHER))
    for rows in in_order(lambda some: [_measure(file) for file in some], requests):
        parts += rows
        done += len(rows)
        if time.monotonic() > said + PATIENCE:
            said = time.monotonic()
            left = (said - began) * (len(files) - done) / done
            logger.warning(
                "%s: %d of %d pictures read for the first time, %.0f s left",
                *(root, done, len(files), left),
            )
    return np.array(parts)


def _measure(file):
    try:
        pixels = np.asarray(picture_files.read(file, MEASURED_SIDE)) / 255
    except InputError:
        return [0.0] * 7
    return [1.0, *pixels.mean(axis=(0, 1)), *(pixels**2).mean(axis=(0, 1))]


def _report_broken(broken: list[str], skip: bool) -> None:
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
    """Changes with the names and sizes of the files, and with their place and times if asked."""
    digest = hashlib.sha256(str(root).encode("utf-8", "surrogateescape") if times else b"")
    for file in files:
        digest.update(file.removeprefix(str(root)).encode("utf-8", "surrogateescape") + b"\0")
        with suppress(OSError):
            status = os.stat(file)
            digest.update(f"{status.st_size} {status.st_mtime_ns if times else ''}\0".encode())
    return digest.hexdigest()[:16]
