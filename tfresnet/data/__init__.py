"""Data sets and the stream of batches that is made from them.

TensorFlow is imported only when a function of the pipeline is first asked for.
"""

import difflib
import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tfresnet.data import cifar10, shapes10
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


def _folder(data_dir, image_size=None, skip_broken=False):
    from tfresnet.data import folder  # here, because Pillow is needed for it alone

    return folder.load(data_dir, image_size, skip_broken)


# Name -> function of the data folder (None if the user named none).
_LOADERS: dict[str, Callable[..., Dataset]] = {
    "cifar10": cifar10.load,
    "folder": _folder,
    "shapes10": lambda _data_dir: shapes10.load(),
}
OPTIONS = ("classes", "image_size", "skip_broken")  # of `load_dataset`; settings of a run


def list_datasets() -> list[str]:
    """The names that `load_dataset` knows."""
    return sorted(_LOADERS)


def check_dataset_name(name: str) -> None:
    """Raises `InputError` for a name that `load_dataset` does not know; loads nothing."""
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
) -> Dataset:
    """The data set of that name.

    Args:
        data_dir: where its files are, if it has any.
        classes: the classes to keep, as "0-4" or "cat,dog"; see `Dataset.of_classes`.
        image_size: side of the images in pixels; only of "folder", where it is 64 by default.
        skip_broken: leave broken pictures of "folder" out, where they would be refused.

    Raises:
        InputError: an unknown name, missing or damaged files, other options.
    """
    check_dataset_name(name)
    options = {"image_size": image_size, "skip_broken": skip_broken}
    options = {option: value for option, value in options.items() if value}
    if name != "folder" and options:
        option, value = options.popitem()
        raise InputError(f"{option} is of dataset folder alone. Received: {value} with {name}")
    dataset = _LOADERS[name](data_dir, **options)
    return dataset.of_classes(classes) if classes else dataset


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("tfresnet.data.pipeline"), name)
