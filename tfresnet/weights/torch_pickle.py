"""State dicts that `torch.save` wrote, read without PyTorch and without running anything.

Both formats: the zip file since PyTorch 1.6, and the row of pickles before. A pickle may ask for
any function of any module; here it gets an ordered dict and descriptions of arrays, or is refused.
"""

import math
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfresnet.weights.safetensors import widened

_TYPES = {"Double": "<f8", "Float": "<f4", "Half": "<f2", "BFloat16": "<u2"}
_TYPES |= {"Long": "<i8", "Int": "<i4", "Short": "<i2", "Char": "i1", "Byte": "u1", "Bool": "?"}
_LEGACY_MAGIC, _LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_DICTS = ("state_dict", "model", "net", "model_state_dict")  # in a checkpoint of several


class _Storage(NamedTuple):
    kind: str  # a key of _TYPES
    key: str
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple


def read(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name, of a state dict or the one inside a checkpoint; bfloat16 becomes float32.

    Raises:
        ValueError: anything else, calls above all.
    """
    content, storages = _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)
    tensors = _state_dict(content)
    return {name: _array(name, tensor, storages) for name, tensor in tensors.items()}


class _Unpickler(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file)
        self.storages = {}  # by key

    def find_class(self, module, name):
        # Functions are made anew for each file: a pickle can set attributes of what it is given.
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name.removesuffix("Storage") in _TYPES:
            return name.removesuffix("Storage")
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(
                storage, offset, shape, strides
            )
        raise ValueError(f"it calls {module}.{name}, which no state dict needs")

    def persistent_load(self, pid):
        tag, kind, key, _device, length, *view = pid
        if tag != "storage" or kind not in _TYPES or any(view):
            raise ValueError(f"it refers to {pid!r}, which is no storage")
        return self.storages.setdefault(key, _Storage(kind, key, length))


def _read_zip(path):
    archive = zipfile.ZipFile(path)
    members = {member.filename: member for member in archive.infolist()}
    pickles = [name for name in members if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError("it holds no data.pkl, or several")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members.values()):
        raise ValueError("its members must not be compressed")
    root = pickles[0].removesuffix("data.pkl")
    order = f"{root}byteorder"
    if order in members and archive.read(order) != b"little":
        raise ValueError("its numbers must be little-endian")
    with archive.open(pickles[0]) as file:
        content = _Unpickler(file).load()
    return content, lambda storage: archive.read(f"{root}data/{storage.key}")


def _read_legacy(path):
    data = path.read_bytes()
    with open(path, "rb") as file:
        magic, protocol, system = (_Unpickler(file).load() for _ in range(3))
        if (magic, protocol) != (_LEGACY_MAGIC, _LEGACY_PROTOCOL) or not system["little_endian"]:
            raise ValueError("it is no file that torch.save wrote on a little-endian machine")
        unpickler = _Unpickler(file)
        content = unpickler.load()
        keys = _Unpickler(file).load()
        places, position = {}, file.tell()
    for key in keys:
        length = int.from_bytes(data[position : position + 8], "little")
        size = length * np.dtype(_TYPES[unpickler.storages[key].kind]).itemsize
        places[key] = slice(position + 8, position + 8 + size)
        position += 8 + size
    return content, lambda storage: data[places[storage.key]]


def _state_dict(content):
    """The dict of arrays in what was pickled."""
    if isinstance(content, dict) and not _holds_tensors(content):
        inside = {key: part for key, part in content.items() if _holds_tensors(part)}
        names = [key for key in _DICTS if key in inside] or list(inside)
        content = inside[names[0]] if names else None
    if not _holds_tensors(content):
        raise ValueError("it holds no dict of arrays")
    if others := [name for name, value in content.items() if not isinstance(value, _Tensor)]:
        raise ValueError(f"its state dict holds {others[0]!r}, which is no array")
    return content


def _holds_tensors(value):
    return isinstance(value, dict) and any(isinstance(one, _Tensor) for one in value.values())


def _array(name, tensor, storages):
    storage, offset, shape, strides = tensor
    numbers = (offset, *shape, *strides)
    if len(shape) != len(strides) or not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError(f"{name} cannot have the shape {shape} and the strides {strides}")
    values = np.frombuffer(storages(storage), np.dtype(_TYPES[storage.kind]))
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    size = math.prod(shape)
    if size > len(values) or (size and last >= len(values)):
        raise ValueError(f"{name} of shape {shape} reaches beyond its {len(values)} numbers")
    steps = [stride * values.itemsize for stride in strides]
    array = np.lib.stride_tricks.as_strided(values[offset:], shape, steps).copy()
    return widened(array) if storage.kind == "BFloat16" else array
