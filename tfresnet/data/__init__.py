"""Data sets, and the stream of batches made from them.

TensorFlow is imported when a pipeline function is first used.
"""

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tfresnet.data import cifar10, cifar100, shapes10
from tfresnet.data.dataset import Dataset, Split
from tfresnet.data.places import resolve_data_dir, stored_data_dir
from tfresnet.errors import InputError

if TYPE_CHECKING:
    from tfresnet.data.pipeline import eval_batches, steps_per_epoch, train_batches

__all__ = [
    "Dataset",
    "Split",
    "check_dataset_name",
    "eval_batches",
    "list_datasets",
    "load_dataset",
    "resolve_data_dir",
    "steps_per_epoch",
    "stored_data_dir",
    "train_batches",
]


def _load_folder(data_dir, **options):
    from tfresnet.data import folder  # needs Pillow, which the others do not

    return folder.load(data_dir, **options)


# Name -> function of the data folder (None if the user named none).
_LOADERS: dict[str, Callable[..., Dataset]] = {
    "cifar10": cifar10.load,
    "cifar100": cifar100.load,
    "folder": _load_folder,
    "shapes10": lambda _data_dir: shapes10.load(),
}
# Options of one data set; with `classes`, which all have, settings of a run.
_ONLY_OF = {"image_size": "folder", "skip_broken": "folder", "coarse_labels": "cifar100"}
OPTIONS = ("classes", *_ONLY_OF)


def list_datasets() -> list[str]:
    """The names that `load_dataset` accepts."""
    return sorted(_LOADERS)


def check_dataset_name(name: str) -> None:
    """Raises `InputError` for an unknown name. Loads nothing."""
    known = list_datasets()
    if name not in known:
        near = difflib.get_close_matches(str(name).lower(), known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise InputError(f"dataset must be one of {', '.join(known)}. Received: {name!r}{hint}")


def load_dataset(
    name: str,
    data_dir: str | Path | None = None,
    *,
    classes: str | Iterable[int | str] | None = None,
    image_size: int | None = None,
    skip_broken: bool = False,
    coarse_labels: bool = False,
) -> Dataset:
    """Loads a data set by name, with its files from `data_dir` if it has any.

    classes: classes to keep, such as "0-4" or "cat,dog"; see `Dataset.select_classes`.
    image_size: side of the images in pixels, 64 by default; for "folder" only.
    skip_broken: skip broken pictures instead of refusing them; for "folder" only.
    coarse_labels: the 20 groups of classes; for "cifar100" only.
    Raises `InputError` for an unknown name, missing or damaged files, or an option not for `name`.
    """
    check_dataset_name(name)
    options = dict(zip(_ONLY_OF, (image_size, skip_broken, coarse_labels), strict=True))
    options = {option: value for option, value in options.items() if value}
    for option, value in options.items():
        if name != _ONLY_OF[option]:
            rule = f"{option} needs dataset {_ONLY_OF[option]}"
            raise InputError(f"{rule}. Received: {value} with {name}")
    dataset = _LOADERS[name](data_dir, **options)
    return dataset.select_classes(classes) if classes else dataset


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tfresnet.data import pipeline

    return getattr(pipeline, name)
