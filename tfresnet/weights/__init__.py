"""Weights from files of several formats, as arrays by the names of the layers here.

Reading runs no code that a file brings, and believes no size that it states.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfresnet.errors import InputError
from tfresnet.weights import hdf5, layouts, safetensors, torch_pickle

READERS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    ".safetensors": safetensors.read,
    **dict.fromkeys((".h5", ".hdf5"), hdf5.read),
    **dict.fromkeys((".pth", ".pt", ".th", ".bin"), torch_pickle.read),
}


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], bool | None]:
    """What the file holds, as `layouts.as_ours` gives it.

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
        return layouts.as_ours(reader(path))
    except Exception as error:  # a parser raises whatever the damage leads to
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"this weights file cannot be read ({reason}). Received: {path}") from None


__all__ = ["READERS", "layouts", "read_arrays"]
