"""Data sets and the stream of batches that is made from them.

TensorFlow is imported only when a function of the pipeline is first asked for.
"""

import difflib
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tfresnet.data import cifar10, shapes10
from tfresnet.data.dataset import Dataset, Split
from tfresnet.data.places import resolve_data_dir
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
    "train_batches",
]

# Name -> function of the data folder (None if the user named none).
_LOADERS: dict[str, Callable[[str | Path | None], Dataset]] = {
    "cifar10": cifar10.load,
    "shapes10": lambda _data_dir: shapes10.load(),
}


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


def load_dataset(name: str, data_dir: str | Path | None = None) -> Dataset:
    """The data set of that name; `data_dir` is where its files are, if it has any.

    Raises `InputError` for an unknown name, and for missing or damaged files.
    """
    check_dataset_name(name)
    return _LOADERS[name](data_dir)


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("tfresnet.data.pipeline"), name)
