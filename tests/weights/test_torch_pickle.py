"""State dicts of PyTorch, without PyTorch."""

import pickle
import zipfile

import numpy as np
import pytest
from weights import torch_files
from weights.torch_files import call, described, dict_of, some_arrays, tensor, text

from tfresnet.errors import InputError
from tfresnet.weights import read_arrays, torch_pickle

WRITERS = [torch_files.write_zip, torch_files.write_legacy]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("key", [None, "state_dict", "net"])
def test_a_state_dict_alone_or_in_a_checkpoint(write, key, tmp_path):
    arrays = some_arrays()
    parts = described(arrays)
    if key:
        parts = {"epoch": torch_files.number(3), key: dict_of(parts)}
    found = torch_pickle.read(write(tmp_path / "m.pth", parts, arrays))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


def test_other_strides_and_types(tmp_path):
    numbers = np.arange(6, dtype="<f4")
    half = np.array([1.5, -2], "<f4").view("<u4") >> 16
    arrays = {"x": numbers, "b": half.astype("<u2")}
    parts = {
        "transposed": tensor("0", (3, 2), (1, 3), 6),
        "rest": tensor("0", (2,), (1,), 6, offset=4),
        "b": tensor("1", (2,), (1,), 2, kind="BFloat16"),
    }
    found = torch_pickle.read(torch_files.write_zip(tmp_path / "m.pth", parts, arrays))
    np.testing.assert_array_equal(found["transposed"], numbers.reshape(2, 3).T)
    np.testing.assert_array_equal(found["rest"], [4, 5])
    np.testing.assert_array_equal(found["b"], [1.5, -2])


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    "function", [("os", "system"), ("builtins", "eval"), ("torch.hub", "load"), ("torch", "load")]
)
def test_a_call_is_refused_and_not_made(write, function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = "touch created" if function[0] == "os" else "open('created', 'w')"
    parts = {"a.weight": call(*function, text(command))}
    path = write(tmp_path / "m.pth", parts, {})
    with pytest.raises(InputError, match=rf"calls {function[0]}\.{function[1]}, .* m.pth$|calls"):
        read_arrays(path)
    assert not (tmp_path / "created").exists()


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (tensor("0", (3, 3), (3, 1), 9), "reaches beyond its 8 numbers"),
        (tensor("0", (4,), (1,), 8, offset=5), "reaches beyond"),
        (tensor("0", (2,), (-1,), 8, offset=5), "cannot have the shape"),
        (tensor("0", (10**9,), (0,), 8), "reaches beyond"),
        (tensor("0", (2, 4), (1,), 8), "cannot have the shape"),
        (text("no array"), "no dict of arrays"),
    ],
)
def test_what_an_array_cannot_be(part, reason, tmp_path):
    arrays = {"x": np.arange(8, dtype="<f4")}
    path = torch_files.write_zip(tmp_path / "m.pth", {"x": part}, arrays)
    with pytest.raises(InputError, match=reason) as caught:
        read_arrays(path)
    assert "\n" not in str(caught.value)


def test_other_files(tmp_path):
    path = tmp_path / "m.pt"
    for content in (b"", b"no pickle", pickle.dumps({"a": 1}), pickle.dumps([1])):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"cannot be read \(.+\)\. Received: .*m.pt"):
            read_arrays(path)
    arrays = some_arrays()
    torch_files.write_zip(path, described(arrays), arrays, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="must not be compressed"):
        read_arrays(path)
    whole = torch_files.write_legacy(path, described(arrays), arrays).read_bytes()
    path.write_bytes(whole[:-3])
    with pytest.raises(InputError, match="cannot be read"):
        read_arrays(path)
