"""State dicts of PyTorch, without PyTorch."""

import argparse
import pickle
import zipfile
from collections import Counter, defaultdict, deque
from pathlib import Path

import numpy as np
import pytest
from support import torch_files
from support.memory import takes_at_most
from support.torch_files import (
    call,
    described,
    dict_of,
    number,
    some_arrays,
    tensor,
    text,
    tuple_of,
)

from tfresnet.errors import InputError
from tfresnet.weights import read_arrays, torch_pickle

WRITERS = [torch_files.write_zip, torch_files.write_legacy]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("key", [None, "state_dict", "net"])
def test_a_state_dict_alone_or_in_a_checkpoint(write, key, tmp_path):
    arrays = some_arrays()
    parts = described(arrays)
    if key:
        best = tensor("0", (), (), 1)  # a metric can be an array, too
        parts = {"epoch": torch_files.number(3), "best": best, key: dict_of(parts)}
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
def test_a_call_is_no_array_and_not_made(write, function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = "touch created" if function[0] == "os" else "open('created', 'w')"
    parts = {"a.weight": call(*function, text(command))}
    path = write(tmp_path / "m.pth", parts, {})
    with pytest.raises(InputError, match="no dict of arrays"):
        read_arrays(path)
    assert not (tmp_path / "created").exists()


class Evil:
    def __reduce__(self):
        return exec, ("open('created', 'w')",)


@pytest.mark.parametrize("write", WRITERS)
def test_what_training_scripts_put_beside_a_state_dict(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    others = {
        "args": argparse.Namespace(lr=0.1, path=Path("data")),
        "best": np.float64(91.5),
        "milestones": Counter([100, 150]),
        "random": np.arange(3),
        "set": {1, 2},
        "frozen": frozenset("ab"),
        "queue": deque([1], maxlen=2),
        "default": defaultdict(list, a=[1]),
        "bytes": bytearray(b"ab"),
        "evil": Evil(),
        "callbacks": {argparse.Namespace: 1},
    }
    others = {name: pickle.dumps(value, 2)[2:-1] for name, value in others.items()}
    arrays = some_arrays()
    path = write(tmp_path / "m.ckpt", others | {"state_dict": dict_of(described(arrays))}, arrays)
    found, library = read_arrays(path)
    assert library == ""
    assert list(found) == list(arrays)
    path = write(tmp_path / "m.ckpt", described(arrays) | {"epoch": number(3)}, arrays)
    assert list(torch_pickle.read(path)) == list(arrays)
    assert not (tmp_path / "created").exists()


def test_several_networks_in_a_file(tmp_path):
    arrays = some_arrays()
    parts = {"generator": dict_of(described(arrays)), "discriminator": dict_of(described(arrays))}
    path = torch_files.write_zip(tmp_path / "m.pth", parts, arrays)
    with pytest.raises(InputError, match="several dicts of arrays"):
        read_arrays(path)


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (tensor("0", (3, 3), (3, 1), 9), "reaches beyond its 8 numbers"),
        (tensor("0", (4,), (1,), 8, offset=5), "reaches beyond"),
        (tensor("0", (2,), (-1,), 8, offset=5), "cannot have the storage, shape"),
        (tensor("0", (2,), (1,), 8, offset=-1), "reaches beyond"),
        (tensor("0", (10**9,), (0,), 8), "reaches beyond"),
        (tensor("0", (2, 4), (1,), 8), "cannot have the storage, shape"),
        (tensor("0", (1,) * 65, (1,) * 65, 8), "cannot have the storage, shape"),
        (tensor("0", (2**30, 0), (1, 1), 8), "an array without numbers"),
        (
            call("torch._utils", "_rebuild_tensor", *map(number, range(4))),
            "cannot have the storage",
        ),
        (text("no array"), "no dict of arrays"),
    ],
)
def test_what_an_array_cannot_be(part, reason, tmp_path):
    arrays = {"x": np.arange(8, dtype="<f4")}
    path = torch_files.write_zip(tmp_path / "m.pth", {"x": part}, arrays)
    with pytest.raises(InputError, match=reason) as caught:
        read_arrays(path)
    assert "\n" not in str(caught.value)


def test_a_parameter_and_the_dict_of_python_2(tmp_path):
    parameter = call(
        "torch._utils", "_rebuild_parameter", tensor("0", (2,), (1,), 2), b"\x88", b"}"
    )
    pairs = b"](](" + text("x") + parameter + b"ee"
    path = torch_files.write_zip(tmp_path / "m.pth", {}, {"x": np.arange(2, dtype="<f4")})
    with zipfile.ZipFile(path, "a") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["archive/data.pkl"] = b"\x80\x02ccollections\nOrderedDict\n" + pairs + b"\x85R."
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert torch_pickle.read(path)["x"].tolist() == [0, 1]


def test_one_storage_under_many_names(tmp_path):
    """Views take no memory; what would be made of so many of them later is refused."""
    arrays = {"x": np.zeros(2**18, "<f4")}
    parts = {f"n{i}": tensor("0", (2**18,), (1,), 2**18) for i in range(500)}
    path = torch_files.write_zip(tmp_path / "m.pth", parts, arrays)
    with takes_at_most(20):
        assert len(torch_pickle.read(path)) == 500
        with pytest.raises(InputError, match="would take more than"):
            read_arrays(path)


def nested(depth):
    """Tuples each of which holds the one before twice: to hash or print it takes 2 ** depth."""
    return b")" + b"q\x00h\x00\x86" * depth


def storage(*parts):
    return call("torch._utils", "_rebuild_tensor", tuple_of(*parts) + b"Q", *[number(0)] * 3)


FLOATS = b"ctorch\nFloatStorage\n"


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (storage(text("storage"), FLOATS, nested(24), text("cpu"), number(1)), "no storage"),
        (storage(text("storage"), nested(24), text("0"), text("cpu"), number(1)), "no storage"),
        (storage(nested(24), FLOATS, text("0"), text("cpu"), number(1)), "no storage"),
        (nested(24) + b"Q", "no storage"),
        (b"}" + nested(24) + b"Ns", "a key must be"),
    ],
    ids=["key", "type", "tag", "id", "dict"],
)
def test_time_and_memory_of_the_length(write, part, reason, tmp_path):
    path = write(tmp_path / "m.pth", {"x": part}, {"x": np.arange(8, dtype="<f4")})
    with takes_at_most(20), pytest.raises(InputError, match=reason):
        read_arrays(path)


def test_an_entry_far_up_in_the_memo(tmp_path):
    arrays = {"x": np.arange(8, dtype="<f4")}
    part = tensor("0", (8,), (1,), 8) + b"r\x00\x00\x00\x10"
    with takes_at_most(20):
        path = torch_files.write_zip(tmp_path / "m.pth", {"x": part}, arrays)
        np.testing.assert_array_equal(torch_pickle.read(path)["x"], arrays["x"])


def test_a_member_of_a_stated_size(tmp_path):
    """The list of contents at the end of a zip file says how much to read."""
    arrays = some_arrays()
    path = torch_files.write_zip(tmp_path / "m.pth", described(arrays), arrays)
    whole = path.read_bytes()
    entry = whole.rindex(b"PK\1\2")
    for sizes in (slice(entry + 20, entry + 24), slice(entry + 24, entry + 28)):
        content = bytearray(whole)
        content[sizes] = (2**31 - 1).to_bytes(4, "little")
        path.write_bytes(content)
        with takes_at_most(20), pytest.raises(InputError, match="take more than the file"):
            read_arrays(path)


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
