"""Checkpoint files: damage of any kind is seen, and the one before is used."""

import dataclasses
import io
import struct
import zipfile

import numpy as np
import pytest
from support.memory import takes_at_most

from tfresnet.errors import InputError
from tfresnet.runs.checkpoints import Checkpoints, State, first_not_finite, read


def state(step=3):
    weights = np.arange(12, dtype=np.float32).reshape(3, 4)
    arrays = {"model/kernel": weights, "optimizer/iteration": np.asarray(7)}
    history = [{"epoch": 1, "step": 1, "loss": 0.5}]
    return State(step, {"images": 64, "loss": 0.1 + 0.2}, history, stopped=False, arrays=arrays)


def same(a, b):
    arrays = a.arrays.keys() == b.arrays.keys() and all(
        x.dtype == b.arrays[name].dtype and np.array_equal(x, b.arrays[name])
        for name, x in a.arrays.items()
    )
    return arrays and dataclasses.replace(a, arrays={}) == dataclasses.replace(b, arrays={})


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "checkpoints")


def test_what_was_saved_is_read(checkpoints):
    assert same(read(checkpoints.save(state())), state())


def test_no_flipped_bit_is_taken_for_another_state(checkpoints):
    path = checkpoints.save(state(1))
    content = path.read_bytes()
    damaged = bytearray(content)
    seen = 0
    for position in range(len(content)):
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        damaged[position] = content[position]
        try:
            found = read(path)
        except ValueError:
            seen += 1
        else:
            assert same(found, state(1)), position
    assert seen > len(content) / 2  # the rest are dates and the like


def test_no_truncated_file_is_taken_for_a_state(checkpoints):
    path = checkpoints.save(state(1))
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="damaged checkpoint"):
            read(path)


def test_a_compressed_file_is_refused(checkpoints, tmp_path):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, **{"position.json": np.zeros(10**6, np.uint8)})
    with pytest.raises(ValueError, match="compressed"):
        read(path)


@pytest.mark.parametrize("shape", [(2**34,), (2**60,), (2**40, 0)])
def test_a_header_that_claims_more_than_there_is(shape, tmp_path):
    header = io.BytesIO()
    described = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    path = tmp_path / "step-000000001.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", header.getvalue())
    with takes_at_most(20), pytest.raises(ValueError, match="damaged checkpoint"):
        read(path)


def test_one_content_under_many_entries(checkpoints):
    """The list of contents at the end names the first member 10,000 times."""
    content = checkpoints.save(state(1)).read_bytes()
    start, end = content.index(b"PK\1\2"), content.rindex(b"PK\5\6")
    entry = content[start : content.index(b"PK\1\2", start + 4)]
    tail = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 10_000, 10_000, 10_000 * len(entry), start, 0)
    assert end > start
    path = checkpoints.folder / "step-000000002.npz"
    path.write_bytes(content[:start] + entry * 10_000 + tail)
    with pytest.raises(ValueError, match="members that take more than the file"):
        read(path)


@pytest.mark.parametrize(
    "position",
    [b"", b"[]", b"{}", b"[" * 5000, b'{"step":-1}', b'{"step":0.5}', b'{"step":1,"sums":[]}']
    + [b'{"step":1,"history":[{"epoch":1,"step":2}]}', b'{"step":1,"stopped":0}'],
)
def test_an_impossible_position_is_damage(position, tmp_path):
    path = tmp_path / "step-000000001.npz"
    position = position.replace(b'{"step"', b'{"arrays":[],"step"')
    np.savez(path, **{"position.json": np.frombuffer(position, np.uint8)})
    with pytest.raises(ValueError, match="damaged checkpoint"):
        read(path)


def test_a_pickled_array_is_not_loaded(tmp_path):
    path = tmp_path / "step-000000001.npz"
    np.savez(path, **{"position.json": np.array([print], dtype=object)})
    with pytest.raises(ValueError, match="damaged checkpoint"):
        read(path)


def test_the_newest_stay(checkpoints):
    for step in range(1, 6):
        checkpoints.save(state(step))
    assert [path.stem for path in checkpoints.paths()] == [f"step-{n:09d}" for n in (3, 4, 5)]


def test_the_one_before_a_damaged_one_is_used_and_not_crowded_out(checkpoints, caplog):
    for step in (1, 2, 3):
        checkpoints.save(state(step))
    for path in checkpoints.paths()[1:]:
        path.write_bytes(path.read_bytes()[:-100])
    assert checkpoints.newest().step == 1
    assert len(checkpoints.paths()) == 3  # who only looks moves nothing
    assert checkpoints.newest(set_aside=True).step == 1
    assert caplog.text.count("passing over") == 4
    # The files passed over have higher numbers than what follows now.
    checkpoints.save(state(2))
    assert checkpoints.newest().step == 2
    assert len(checkpoints.damaged()) == 2


def test_all_damaged_is_not_the_same_as_none(checkpoints):
    assert Checkpoints(checkpoints.folder / "missing").newest() is None
    checkpoints.save(state(1)).write_bytes(b"")
    for set_aside in (False, True, True):
        with pytest.raises(InputError, match="all are damaged"):
            checkpoints.newest(set_aside)


def test_a_write_that_fails_leaves_what_was_there(checkpoints, monkeypatch):
    path = checkpoints.save(state(1))
    before = path.read_bytes()

    def full(file, **_):
        file.write(b"a part")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(state(1))
    assert path.read_bytes() == before
    assert [entry.name for entry in checkpoints.folder.iterdir()] == [path.name]


def test_arrays_that_are_not_finite_are_named():
    good = {"model/a": np.ones(3), "optimizer/count": np.asarray(3)}
    assert first_not_finite(good) is None
    for value in (np.nan, np.inf, -np.inf):
        assert first_not_finite(good | {"model/b": np.array([1, value])}) == "model/b"


def test_a_checkpoint_is_a_plain_zip_of_arrays(checkpoints):
    with zipfile.ZipFile(checkpoints.save(state(1))) as archive:
        assert archive.namelist() == [
            "position.json.npy",
            "model/kernel.npy",
            "optimizer/iteration.npy",
        ]
