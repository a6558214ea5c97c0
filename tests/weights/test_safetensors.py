"""The safetensors format, and headers that lie."""

import json

import numpy as np
import pytest

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
    header = {"b": entry(24, 40, [2], "I64"), "a": entry(0, 24, [2, 3])}
    header |= {"c": entry(40, 44, [2], "BF16"), "none": entry(44, 44, [0, 3])}
    header["__metadata__"] = {"format": "pt"}
    path = write(tmp_path / "m.safetensors", header, a.tobytes() + b.tobytes() + c.tobytes())
    found = safetensors.read(path)
    assert found.keys() == {"a", "b", "c", "none"}
    np.testing.assert_array_equal(found["a"], a)
    np.testing.assert_array_equal(found["b"], b)
    np.testing.assert_array_equal(found["c"], [1.5, -2])
    assert found["none"].shape == (0, 3)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"a": entry(0, 8, [4])}, "cannot have 8 bytes"),
        ({"a": entry(0, 16, [4])}, "speaks of 16 bytes of arrays, there are 8"),
        ({"a": entry(0, 4, [1])}, "speaks of 4 bytes"),
        ({"a": entry(-8, 0, [2])}, "must begin at byte 0"),
        ({"a": entry(0, 8, [2]), "b": entry(4, 8, [1])}, "b must begin at byte 8"),
        ({"a": entry(4, 8, [1])}, "a must begin at byte 0"),
        ({"a": entry(0, 8, [-2, -1])}, "cannot have the shape"),
        ({"a": entry(0, 8, [2**62, 4])}, "cannot have 8 bytes"),
        ({"a": entry(0, 8, [2], "F8_E5M2")}, "of type 'F8_E5M2'"),
        ({"a": {"dtype": "F32"}}, "cannot be read"),
        (b'{"a": 1, "a": 2}', "a name twice"),
        (b"[" * 100_000, "cannot be read"),
        (b"[]", "cannot be read"),
        (b"\xff\xff", "cannot be read"),
    ],
)
def test_a_header_that_lies_is_one_line(header, reason, tmp_path):
    path = write(tmp_path / "m.safetensors", header, bytes(8))
    with pytest.raises(InputError, match=reason) as caught:
        read_arrays(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [0, 1, 3, 2**40, 2**63])
def test_a_length_that_lies(length, tmp_path):
    path = write(tmp_path / "m.safetensors", b"{}", length=length)
    with pytest.raises(InputError, match="its header cannot have"):
        read_arrays(path)


def test_an_empty_file(tmp_path):
    (tmp_path / "m.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be read"):
        read_arrays(tmp_path / "m.safetensors")
