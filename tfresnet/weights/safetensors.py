"""Weights in the safetensors format.

Source: https://github.com/huggingface/safetensors.
"""

from pathlib import Path

import ml_dtypes  # noqa: F401 (gives NumPy the types that the format has beyond NumPy's)
import numpy as np
from safetensors.numpy import load_file


def read(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name.

    Raises:
        SafetensorError: the header is none, or says what is not so.
    """
    return load_file(path)
