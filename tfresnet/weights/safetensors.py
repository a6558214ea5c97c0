"""Weights in the safetensors format.

Source: https://github.com/huggingface/safetensors.
"""

import json
from pathlib import Path

import ml_dtypes  # noqa: F401 (gives NumPy the types that the format has beyond NumPy's)
import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

_WRITER = {"format": "pt", "writer": "tfresnet"}  # whose facts about the network can be read


def read(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name.

    Raises:
        SafetensorError: the header is none, or says what is not so.
    """
    return load_file(path)


def write(path: Path, arrays: dict[str, np.ndarray], facts: dict[str, object]) -> None:
    """Writes the arrays, and what else is known of the network as JSON in the metadata."""
    metadata = _WRITER | {name: json.dumps(fact) for name, fact in facts.items()}
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path, metadata)


def read_facts(path: Path) -> dict[str, object]:
    """The facts that `write` was given; {} in a file of another program.

    Raises:
        SafetensorError: as `read`.
        ValueError: metadata that `write` would not have written.
    """
    with safe_open(path, "numpy") as file:
        metadata = file.metadata() or {}
    if not metadata.items() >= _WRITER.items():
        return {}
    return {name: json.loads(metadata[name]) for name in metadata.keys() - _WRITER.keys()}
