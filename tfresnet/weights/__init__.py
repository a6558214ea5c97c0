"""Weights from files of several formats, as arrays by the names of the layers here.

Reading runs no code that a file brings, and believes no size that it states.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from ml_dtypes import bfloat16

from tfresnet.errors import InputError
from tfresnet.weights import hdf5, layouts, safetensors, torch_pickle
from tfresnet.weights.size import check_size

MAX_REASON = 300  # characters; a damaged file can have names of any length

READERS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    ".safetensors": safetensors.read,
    **dict.fromkeys((".h5", ".hdf5"), hdf5.read),
    **dict.fromkeys((".pth", ".pt", ".th", ".bin", ".ckpt", ".tar"), torch_pickle.read),
}


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """What the file holds, as `layouts.as_ours` gives it.

    Raises:
        InputError: see `read_file`.
    """
    arrays = read_file(path)
    try:
        return layouts.as_ours(arrays)
    except Exception as error:  # names without the arrays that belong to them
        raise _unreadable(path, error) from None


def read_file(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file under the names of the library that wrote it; bfloat16 becomes float32.

    Raises:
        InputError: no such file, another ending, or a content that is not what the ending says.
    """
    if not path.is_file():
        raise InputError(f"a weights file must exist. Received: {path}")
    reader = READERS.get(path.suffix)
    if reader is None:
        known = ", ".join((".keras", *READERS))
        raise InputError(f"a weights file must end in one of {known}. Received: {path}")
    try:
        arrays = reader(path)
        check_size(arrays.values(), path.stat().st_size)
        return {name: _plain(name, array) for name, array in arrays.items()}
    except Exception as error:  # a parser raises whatever the damage leads to
        raise _unreadable(path, error) from None


def read_facts(path: Path) -> dict[str, object]:
    """What a safetensors file that we exported says of its network; {} for another file.

    Raises:
        InputError: metadata that we would not have written.
    """
    try:
        return safetensors.read_facts(path)
    except Exception as error:  # as in `read_file`
        raise _unreadable(path, error) from None


def _unreadable(path, error):
    reason = str(error).strip().partition("\n")[0][:MAX_REASON] or type(error).__name__
    return InputError(f"this weights file cannot be read ({reason}). Received: {path}")


def _plain(name, array):
    """As a type that NumPy itself has."""
    if array.dtype == bfloat16:
        return array.astype(np.float32)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} is of type {array.dtype}")
    return array


__all__ = ["READERS", "layouts", "read_arrays", "read_facts", "read_file"]
