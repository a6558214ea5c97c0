"""Finds the training, validation and test folders of a data set of pictures."""

import logging
import os
import re
from pathlib import Path

from tfresnet.data.places import PICTURES, is_hidden
from tfresnet.errors import InputError
from tfresnet.settings.values import natural_order

PARTS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
# Also `test1` and `train_images`, which are no classes either.
_LIKE_A_PART = re.compile(
    r"(train|val|test)(id|ing|ation|set|data|images)*(?![a-z])", re.IGNORECASE
)
logger = logging.getLogger("tfresnet")


def find_parts(root: Path) -> dict[str, Path]:
    """The folder of class folders for each part: "train", and "val" and "test" if they are there.

    Without such parts `root` itself is "train". Raises `InputError` if parts hold no class folders,
    or if it is not clear which folder is meant.
    """
    names = subfolders(root)
    parts = {}
    for part, known in PARTS.items():
        found = [n for n in names if n.lower() in known and subfolders(root / n)]
        if len(found) > 1:
            raise InputError(
                f"data_dir must hold one folder of {part} pictures. "
                f"Received: {', '.join(found)} in {root}"
            )
        if found:
            parts[part] = root / found[0]
    if "train" not in parts:
        _check_classes_not_parts(root, names)
        _report_unused(root, [])
        return {"train": root}
    others = [name for name in names if root / name not in parts.values()]
    _check_others(root, others, subfolders(parts["train"]))
    _report_unused(parts["train"], [root / name for name in others])
    return parts


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in a folder, numbers in natural order, without hidden ones."""
    try:
        names = sorted(os.listdir(folder), key=natural_order)
    except OSError:
        return []
    names = [n for n in names if not is_hidden(n) and os.path.isdir(folder / n)]
    for name in names:
        if any("\ud800" <= c <= "\udfff" for c in name):
            raise InputError(f"the name of a class must be text. Received: {folder / name!r}")
    return names


def pictures_in(folder: Path) -> tuple[list[str], int]:
    """(sorted names of the pictures in a folder, number of other entries), without hidden ones."""
    found = [name for name in os.listdir(folder) if not is_hidden(name)]
    pictures = sorted(name for name in found if name.lower().endswith(PICTURES))
    return pictures, len(found) - len(pictures)


def _check_classes_not_parts(root, names):
    kinds = {name: like[1].lower() for name in names if (like := _LIKE_A_PART.match(name))}
    if len({*kinds.values()}) > 1 or (kinds and len(kinds) == len(names)):
        found = [f"{name}/ with {len(subfolders(root / name))}" for name in kinds]
        raise InputError(
            "train/ must hold a folder of pictures for each class, as train/cat/1.jpg "
            "(docs/data.md shows how to sort pictures by a table or by their names). "
            f"Received: {', '.join(found)} class folders, in {root}"
        )


def _check_others(root, others, classes):
    for name in others:
        if shared := [n for n in subfolders(root / name) if n in classes]:
            raise InputError(
                "beside train/ the classes may be in val/ (or valid/, validation/) and test/ alone "
                f"(move other folders away). Received: {', '.join(shared[:3])} in {root / name}"
            )


def _report_unused(train, others):
    for folder in (train, *others):
        if pictures := pictures_in(folder)[0]:
            logger.warning("not used: %d pictures without a class in %s", len(pictures), folder)
