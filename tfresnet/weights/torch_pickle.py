"""State dicts that `torch.save` wrote, read without PyTorch and without running anything.

Both formats: the zip file since PyTorch 1.6, and the row of pickles before.
"""

import math
import zipfile
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ml_dtypes import bfloat16

from tfresnet.system import inert_pickle
from tfresnet.system.inert_pickle import Call, Name

_TYPES = {"Double": "<f8", "Float": "<f4", "Half": "<f2", "BFloat16": bfloat16}
_TYPES |= {"Long": "<i8", "Int": "<i4", "Short": "<i2", "Char": "i1", "Byte": "u1", "Bool": "?"}
_STORAGES = {f"torch.{name}Storage": np.dtype(kind) for name, kind in _TYPES.items()}
_PARAMETER = "torch._utils._rebuild_parameter"
_TENSORS = {"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", _PARAMETER}
_LEGACY_MAGIC, _LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_DICTS = ("state_dict", "model", "net", "model_state_dict")  # in a checkpoint of several
_MAX_DIMENSIONS = 64  # of NumPy


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype


def read(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name, of a state dict or the one inside a checkpoint.

    They are views of the file's content: many names can share one storage.

    Raises:
        ValueError: anything else, calls above all.
    """
    with open(path, "rb") as file:
        content, numbers = (_read_zip if zipfile.is_zipfile(file) else _read_legacy)(file)
        tensors = _state_dict(content)
        return {name: _array(name, tensor, numbers) for name, tensor in tensors.items()}


def _read_zip(file) -> tuple[object, Callable[[_Storage], np.ndarray]]:
    """(what was pickled, the numbers of each storage in it)"""
    archive = zipfile.ZipFile(file)
    members = {member.filename: member for member in archive.infolist()}
    pickles = [name for name in members if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError("it holds no data.pkl, or several")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members.values()):
        raise ValueError("its members must not be compressed")
    if sum(max(m.file_size, m.compress_size) for m in members.values()) > file.seek(0, 2):
        raise ValueError("its members take more than the file")
    root = pickles[0].removesuffix("data.pkl")
    order = f"{root}byteorder"
    if order in members and archive.read(order) != b"little":
        raise ValueError("its numbers must be little-endian")
    content = inert_pickle.load(BytesIO(archive.read(pickles[0])), None, _storage)
    return content, cache(lambda s: np.frombuffer(archive.read(f"{root}data/{s.key}"), s.dtype))


def _read_legacy(file) -> tuple[object, Callable[[_Storage], np.ndarray]]:
    """As `_read_zip`."""
    file.seek(0)
    data, dtypes = file.read(), {}

    def noted(pid):
        storage = _storage(pid)
        dtypes.setdefault(storage.key, storage.dtype)
        return storage

    file = BytesIO(data)
    magic, protocol, system = (inert_pickle.load(file) for _ in range(3))
    if (magic, protocol) != (_LEGACY_MAGIC, _LEGACY_PROTOCOL) or not system["little_endian"]:
        raise ValueError("it is no file that torch.save wrote on a little-endian machine")
    content, keys = inert_pickle.load(file, None, noted), inert_pickle.load(file)
    arrays, position = {}, file.tell()
    for key in keys:
        if type(key) is not str or key not in dtypes:
            raise ValueError("it lists a storage that no array has")
        count = int.from_bytes(data[position : position + 8], "little")
        arrays[key] = np.frombuffer(data, dtypes[key], count, position + 8)
        position += 8 + arrays[key].nbytes
    return content, lambda storage: arrays[storage.key]


def _storage(pid):
    match pid:
        case ("storage", Name(kind), str() as key, _device, int(), *view):
            if kind in _STORAGES and not any(view):
                return _Storage(key, _STORAGES[kind])
    raise ValueError("it refers to what is no storage")


def _state_dict(content):
    """The arrays in what was pickled: of the state dict, where a checkpoint holds more."""
    inside = {key: tensors for key, part in _items(content) if (tensors := _tensors(part))}
    known = [key for key in _DICTS if key in inside]
    if len(inside) > 1 and not known:
        raise ValueError("it holds several dicts of arrays, and no name says which is the network")
    if found := inside[(known or [*inside])[0]] if inside else _tensors(content):
        return found
    raise ValueError("it holds no dict of arrays")


def _tensors(value):
    """The arrays by name in a dict; whatever else it holds was never called, and is left out."""
    return {name: one for name, one in _items(value) if type(name) is str and _is_tensor(one)}


def _items(value):
    return value.items() if isinstance(value, dict) else ()


def _is_tensor(value):
    return isinstance(value, Call) and value.function in _TENSORS


def _array(name, tensor, numbers):
    if tensor.function == _PARAMETER:
        tensor = tensor.arguments[0]
    storage, offset, shape, strides = tensor.arguments[:4]
    stated = (storage, shape, strides, offset)
    if tuple(map(type, stated)) != (_Storage, tuple, tuple, int) or not _fit(shape, strides):
        raise ValueError(f"{name} cannot have the storage, shape and strides that it states")
    values, size = numbers(storage)[offset:], math.prod(shape)
    last = sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if offset < 0 or size > len(values) or (size and last >= len(values)):
        raise ValueError(f"{name} of shape {shape} reaches beyond its {len(values)} numbers")
    steps = [stride * values.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(values, shape, steps, writeable=False)


def _fit(shape, strides):
    numbers = (*shape, *strides)
    return len(shape) == len(strides) <= _MAX_DIMENSIONS and all(
        type(number) is int and number >= 0 for number in numbers
    )
