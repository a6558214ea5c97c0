"""The safetensors format: the length of a header, the header in JSON, the arrays one after another.

Source: https://github.com/huggingface/safetensors, "Format".
"""

import json
import math
from pathlib import Path

import numpy as np

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_TYPES |= {"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?"}
_MAX_HEADER = 100_000_000  # bytes, the format's own limit


def read(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name; bfloat16 becomes float32.

    Raises:
        ValueError: the header is none, or says what is not so.
    """
    content = np.memmap(path, np.uint8, "r")
    length = int.from_bytes(content[:8].tobytes(), "little")
    if not 2 <= length <= min(_MAX_HEADER, len(content) - 8):
        raise ValueError(f"its header cannot have {length} bytes of {len(content)}")
    header = json.loads(content[8 : 8 + length].tobytes(), object_pairs_hook=_without_twice)
    header.pop("__metadata__", None)
    data, end = content[8 + length :], 0
    for name, (begin, stop) in sorted(
        ((name, entry["data_offsets"]) for name, entry in header.items()), key=lambda item: item[1]
    ):
        if begin != end or stop < begin:
            raise ValueError(f"{name} must begin at byte {end}, where the one before ends: {begin}")
        end = stop
    if end != len(data):
        raise ValueError(f"its header speaks of {end} bytes of arrays, there are {len(data)}")
    return {name: _array(name, entry, data) for name, entry in header.items()}


def _array(name, entry, data):
    kind, shape, (begin, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if kind not in _TYPES:
        raise ValueError(f"{name} is of type {kind!r}; known: {', '.join(_TYPES)}")
    if not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError(f"{name} cannot have the shape {shape}")
    dtype = np.dtype(_TYPES[kind])
    if math.prod(shape) * dtype.itemsize != stop - begin:
        raise ValueError(f"{name} of shape {shape} in {kind} cannot have {stop - begin} bytes")
    array = data[begin:stop].view(dtype).reshape(shape)
    return widened(array) if kind == "BF16" else np.asarray(array)


def widened(bits: np.ndarray) -> np.ndarray:
    """bfloat16 numbers, given as uint16, in float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _without_twice(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("its header has a name twice")
    return found
