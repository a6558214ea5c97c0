"""Weights in the safetensors format, and headers that lie."""

import json

import numpy as np
import pytest
from ml_dtypes import bfloat16
from support.memory import takes_at_most

from tfresnet.errors import InputError
from tfresnet.weights import read_arrays, safetensors


def write(path, header, data=b"", length=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = len(header) if length is None else length
    path.write_bytes(length.to_bytes(8, "little") + header + data)
    return path


def entry(begin, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_arrays_come_back(tmp_path):
    a = np.arange(6, dtype="<f4").reshape(2, 3)
    b = np.array([7, 8], "<i8")
    c = (np.array([1.5, -2], "<f4").view("<u4") >> 16).astype("<u2")
    d = np.array([0.25, 3], "<f2")
    header = {"b": entry(24, 40, [2], "I64"), "a": entry(0, 24, [2, 3])}
    header |= {"c": entry(40, 44, [2], "BF16"), "d": entry(44, 48, [2], "F16")}
    header["__metadata__"] = {"format": "pt"}
    data = b"".join(array.tobytes() for array in (a, b, c, d))
    found, _ = read_arrays(write(tmp_path / "m.safetensors", header, data))
    assert found.keys() == {"a", "b", "c", "d"}
    np.testing.assert_array_equal(found["a"], a)
    np.testing.assert_array_equal(found["b"], b)
    np.testing.assert_array_equal(found["c"], np.array([1.5, -2], np.float32), strict=True)
    np.testing.assert_array_equal(found["d"], d, strict=True)
    assert safetensors.read(tmp_path / "m.safetensors")["c"].dtype == bfloat16


@pytest.mark.parametrize(
    "header",
    [
        {"a": entry(0, 8, [4])},
        {"a": entry(0, 16, [4])},
        {"a": entry(0, 4, [1])},
        {"a": entry(-8, 0, [2])},
        {"a": entry(0, 8, [2]), "b": entry(4, 8, [1])},
        {"a": entry(4, 8, [1])},
        {"a": entry(0, 8, [-2, -1])},
        {"a": entry(0, 8, [2**62, 4])},
        {"a": entry(0, 8, [2]), "b": entry(8, 8, [2**40, 0])},
        {"a": entry(0, 8, [8], "F8_E5M2")},
        {"a": entry(0, 8, [2], "F\n2")},
        {"a": {"dtype": "F32"}},
        b'{"a": 1, "a": 2}',
        b"[" * 100_000,
        b"[]",
        b"\xff\xff",
    ],
)
def test_a_header_that_lies_is_one_line(header, tmp_path):
    path = write(tmp_path / "m.safetensors", header, bytes(8))
    with takes_at_most(20), pytest.raises(InputError, match="this weights file cannot") as caught:
        read_arrays(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [0, 1, 3, 2**27, 2**40, 2**63])
def test_a_length_that_lies(length, tmp_path):
    path = write(tmp_path / "m.safetensors", b"{}", length=length)
    with takes_at_most(20), pytest.raises(InputError, match="this weights file cannot be read"):
        read_arrays(path)


def test_an_empty_file(tmp_path):
    (tmp_path / "m.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be read"):
        read_arrays(tmp_path / "m.safetensors")
