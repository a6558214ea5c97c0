"""Pickles become data, whatever they ask for, in time and memory of their length."""

import os
import pickle
import struct
from collections import OrderedDict
from io import BytesIO

import numpy as np
import pytest
from support.memory import takes_at_most

from tfresnet.system import inert_pickle
from tfresnet.system.inert_pickle import Call, Name


def load(content, *names, persistent=None):
    return inert_pickle.load(BytesIO(content), names, persistent)


VALUE = {"a": [1, 2.5, None, True, False, -7, 300, 70000, 2**40], 3: (), "é": (1, 2, 3, (4,), 5)}


@pytest.mark.parametrize("protocol", range(2, 6))
def test_plain_values_come_back(protocol):
    value = VALUE | {"many": list(range(3000)), "ordered": OrderedDict(a=OrderedDict(b=1))}
    assert load(pickle.dumps(value, protocol=protocol)) == value
    assert load(pickle.dumps({b"a\xff": b"\xe9"}, protocol=protocol)) == {"a\xff": "\xe9"}


def test_pickles_of_python_2():
    assert load(b"\x80\x02U\x02a\xffq\x01.") == "a\xff"
    ordered = b"\x80\x02ccollections\nOrderedDict\n]](U\x01aK\x01ea\x85R."
    assert load(ordered) == {"a": 1}


def test_several_in_a_file():
    file = BytesIO(pickle.dumps(1, protocol=2) + pickle.dumps("b", protocol=2) + b"rest")
    assert [inert_pickle.load(file), inert_pickle.load(file)] == [1, "b"]
    assert file.read() == b"rest"


@pytest.mark.parametrize("protocol", [2, 4])
def test_calls_and_states_stay_descriptions(protocol):
    array = load(
        pickle.dumps(np.arange(3, dtype="<i2"), protocol=protocol),
        *("numpy._core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype"),
    )
    assert array.function == "numpy._core.multiarray._reconstruct"
    assert array.arguments == (Name("numpy.ndarray"), (0,), "b")
    assert type(array.state[2]) is Call
    assert array.state[2].arguments[0] == "i2"
    assert array.state[4] == "\0\0\1\0\2\0"


def test_persistent_ids():
    assert load(b"\x80\x02K\x07Q.", persistent=lambda pid: [pid]) == [7]
    with pytest.raises(ValueError, match="BINPERSID"):
        load(b"\x80\x02K\x07Q.")


class Evil:
    def __reduce__(self):
        return os.mkdir, ("created",)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_called(protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"it names posix\.mkdir, which is not|opcode"):
        load(pickle.dumps(Evil(), protocol=protocol))
    load(pickle.dumps(Evil(), protocol=2), "posix.mkdir")
    assert not any(tmp_path.iterdir())


ORDERED = b"ccollections\nOrderedDict\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "exhausted"),
        (b"\x80\x02K", "damaged|not enough|expected|remain"),
        (b"\x80\x02.", "damaged"),
        (b"\x80\x02h\x05.", "damaged"),
        (b"\x80\x02K\x01K\x02K\x03s.", "no dict"),
        (b"\x80\x02]K\x02K\x03s.", "no dict"),
        (b"\x80\x02}K\x02a.", "no list"),
        (b"\x80\x02}(K\x02u.", "longer|shorter"),
        (b"\x80\x02}]K\x01s.", "a key must be a text or a number"),
        (b"\x80\x02K\x01K\x02b.", "what has none"),
        (b"\x80\x02" + ORDERED + b"}b.", "what has none"),
        (b"\x80\x02K\x01)R.", "no function"),
        (b"\x80\x02" + ORDERED + b"]R.", "no function"),
        (b"(icollections\nOrderedDict\n.", "opcode INST"),
        (b"\x80\x02\x82\x01.", "opcode EXT1"),
        (b"\xff", "unknown"),
        (b"\x8e" + struct.pack("<Q", 2**62) + b"a.", "only"),
    ],
)
def test_what_is_refused(content, reason):
    with pytest.raises(ValueError, match=reason):
        load(content)


def test_any_name_without_a_list():
    assert inert_pickle.load(BytesIO(pickle.dumps(Evil(), 2)), None).function == "posix.mkdir"
    made = inert_pickle.load(BytesIO(pickle.dumps({Evil: {1, 2}}, 4)), None)
    assert [type(key) for key in made] == [Name]
    with pytest.raises(ValueError, match="a name of more than 1000"):
        inert_pickle.load(BytesIO(b"\x80\x04\x8c\x01a" + text(1001) + b"\x93."), None)


def text(length):
    return b"X" + struct.pack("<I", length) + b"a" * length


def test_a_long_module_of_many_names_takes_no_memory():
    many = b"\x80\x04" + text(2**20) + b"\x94" + b"(" + b"h\x00h\x00\x93" * 1000 + b"t."
    with takes_at_most(50), pytest.raises(ValueError, match="a name of more than"):
        inert_pickle.load(BytesIO(many), None)


def test_a_state_is_set_once():
    content = b"\x80\x02ca\nb\n)RK\x01bK\x02b."
    with pytest.raises(ValueError, match="what has none"):
        load(content, "a.b")


def nested(depth):
    """Tuples each of which holds the one before twice: to hash or print it takes 2 ** depth."""
    return b")" + b"q\x00h\x00\x86" * depth


def test_nested_tuples_are_no_key():
    with pytest.raises(ValueError, match="a key must be"):
        load(b"\x80\x02}" + nested(100) + b"K\x01s.")
    assert load(b"\x80\x02}K\x01" + nested(100) + b"s.").keys() == {1}


def test_numbers_of_equal_hash_are_no_keys():
    key = b"\x8a\x09" + (2**61 - 1 << 1).to_bytes(9, "little")
    assert hash((2**61 - 1) << 1) == 0
    with pytest.raises(ValueError, match="a key must be"):
        load(b"\x80\x02}" + key + b"K\x01s.")


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02Nr\x00\x00\x00\x10.",  # entry 2 ** 28 of the memo
        b"\x80\x02(X\x00\x00\x10\x00"
        + b"a" * 2**20
        + b"q\x00"
        + b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R" * 500
        + b"t.",
    ],
    ids=["memo", "encoded text"],
)
def test_memory_of_the_length(content):
    with takes_at_most(50):
        load(content)


@pytest.mark.parametrize(
    "content",
    [
        b"(" + b"}" * 50_000 + b"t.",
        b"(]q\x00(" + b"]K\x01aK\x01a" * 500 + b"e" + (ORDERED + b"h\x00\x85R") * 500 + b"t.",
    ],
    ids=["empty dicts", "ordered dicts of one list"],
)
def test_steps_are_limited(content, monkeypatch):
    monkeypatch.setattr(inert_pickle, "MAX_STEPS", 20_000)
    with pytest.raises(ValueError, match="more than 20,000 steps"):
        load(b"\x80\x02" + content)
