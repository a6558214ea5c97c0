"""Every published form is read alike; everything else ends in one line that names the file."""

import io
import os
import pickle
import re
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from support.fake_cifar10 import ARCHIVE, FOLDER, ROWS, write_archive, write_folder
from support.fuzz import time_limit

from tfresnet.data import cifar10_files
from tfresnet.errors import InputError


def read(directory):
    return cifar10_files.read(cifar10_files.find(directory))


def refused(directory) -> str:
    with pytest.raises(InputError) as caught:
        read(directory)
    message = str(caught.value)
    assert "\n" not in message
    assert str(directory) in message
    return message


BINARY = "cifar-10-batches-bin"
FORMS = {  # what lies where, below the folder that is read
    "python archive": (ARCHIVE, FOLDER),
    "python archive with ./": (ARCHIVE, f"./{FOLDER}"),
    "python archive, unpacked by Safari": ("cifar-10-python.tar", FOLDER),
    "python folder": (FOLDER, None),
    "python folder itself": ("", None),
    "binary archive": ("cifar-10-binary.tar.gz", BINARY),
    "binary archive, unpacked by Safari": ("cifar-10-binary.tar", BINARY),
    "binary folder": (BINARY, None),
    "binary folder itself": ("", None),
}


def write_form(form, directory, fake):
    place, folder = FORMS[form]
    contents = fake.binaries() if form.startswith("binary") else fake.pickles()
    if folder is None:
        return write_folder(directory / place, contents)
    return write_archive(directory / place, folder, contents)


@pytest.mark.parametrize("form", FORMS)
def test_every_published_form_is_read_alike(form, fake, tmp_path):
    place = write_form(form, tmp_path, fake)
    np.testing.assert_array_equal(read(tmp_path), fake.rows)
    np.testing.assert_array_equal(read(place), fake.rows)


@pytest.mark.parametrize("form", ["python archive", "binary archive, unpacked by Safari"])
def test_an_archive_may_have_any_name(form, fake, tmp_path):
    path = write_form(form, tmp_path, fake).rename(tmp_path / "mine")
    np.testing.assert_array_equal(read(path), fake.rows)


def test_a_folder_without_any_form_is_no_source(tmp_path):
    assert cifar10_files.find(tmp_path) is None
    assert cifar10_files.find(tmp_path / "missing") is None


def test_archives_are_not_extracted(fake, tmp_path):
    write_form("python archive", tmp_path, fake)
    read(tmp_path)
    assert os.listdir(tmp_path) == [ARCHIVE]


@pytest.mark.parametrize("keep", [0, 10, 1000, 0.5, 0.99])
def test_truncated_archive(keep, fake, tmp_path):
    write_form("python archive", tmp_path, fake)
    path = tmp_path / ARCHIVE
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if keep < 1 else keep])
    refused(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"no archive"])
def test_a_file_that_is_no_archive(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    refused(tmp_path / "file")


def test_damaged_archive(fake, tmp_path):
    write_form("python archive", tmp_path, fake)
    path = tmp_path / ARCHIVE
    content = bytearray(path.read_bytes())
    for position in (5, len(content) // 3, len(content) - 6):
        damaged = content.copy()
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            rows = read(tmp_path)
        except InputError:
            continue
        np.testing.assert_array_equal(rows, fake.rows)  # a byte that means nothing


@pytest.mark.parametrize("form", ["python archive", "binary folder"])
def test_missing_batch(form, fake, tmp_path):
    pickles, binaries = fake.pickles(), fake.binaries()
    del pickles["data_batch_4"], binaries["data_batch_4.bin"]
    fake.pickles, fake.binaries = lambda: pickles, lambda: binaries
    write_form(form, tmp_path, fake)
    assert "data_batch_4" in refused(tmp_path)


def batch(data=None, labels=None):
    data = np.zeros((ROWS, 3072), np.uint8) if data is None else data
    return {b"data": data, b"labels": [0] * ROWS if labels is None else labels}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (batch(data=np.zeros((ROWS, 3071), np.uint8)), "3071"),
        (batch(data=np.zeros((ROWS - 1, 3072), np.uint8)), str(ROWS - 1)),
        (batch(data=np.zeros((ROWS, 3072))), "data must be"),
        (batch(data=np.zeros((ROWS, 3072), np.int8)), "int8"),
        (batch(data=b"text"), "data must be"),
        (batch(labels=[0] * (ROWS + 1)), str(ROWS + 1)),
        (batch(labels=[11] * ROWS), "11"),
        (batch(labels=[-1] * ROWS), "-1"),
        (batch(labels=[0.5] * ROWS), "labels must be"),
        (batch(labels=[[0]] * ROWS), "labels must be"),
        (batch(labels=[2**70] * ROWS), "integer labels"),
        ({b"data": np.zeros((ROWS, 3072), np.uint8)}, "labels"),
        ([1, 2, 3], "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_wrong_content(content, says, fake, tmp_path):
    contents = fake.pickles() | {"data_batch_3": pickle.dumps(content, protocol=2)}
    write_folder(tmp_path, contents)
    message = refused(tmp_path)
    assert says in message
    assert "data_batch_3" in message


@pytest.mark.parametrize("content", [b"", b"\x80\x02}", b"no pickle", b"\x80\x02}q\x00(U\x04data"])
def test_damaged_pickle(content, fake, tmp_path):
    write_folder(tmp_path, fake.pickles() | {"test_batch": content})
    assert "test_batch" in refused(tmp_path)


@pytest.mark.parametrize(
    "change", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b"\x0b" + b[1:]]
)
def test_wrong_binary(change, fake, tmp_path):
    contents = fake.binaries()
    contents["data_batch_2.bin"] = change(contents["data_batch_2.bin"])
    write_folder(tmp_path, contents)
    assert "data_batch_2.bin" in refused(tmp_path)


@pytest.mark.parametrize("dtype", ["u1", "i8", ">i4"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_arrays_of_labels_and_by_columns(dtype, order, protocol, fake, tmp_path):
    rows = fake.rows[:ROWS]
    planes = rows[:, 1:].reshape(ROWS, -1, 3).transpose(0, 2, 1).reshape(ROWS, 3072)
    content = batch(np.asarray(planes, order=order), rows[:, 0].astype(dtype))
    content = pickle.dumps(content, protocol=protocol)
    write_folder(tmp_path, fake.pickles() | {"data_batch_1": content})
    np.testing.assert_array_equal(read(tmp_path), fake.rows)


class Made:
    """Pickled as what `parts` say: a function, its arguments, a state, items."""

    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return self.parts


def array(dtype, content, shape=(ROWS,), **items):
    function = np.empty(0).__reduce__()[0]
    state = (1, shape, dtype, False, content)
    return Made(function, (np.ndarray, (0,), b"b"), state, None, iter(items.items()))


def test_a_batch_cannot_make_addresses(fake, tmp_path):
    """A type whose state says that its bytes are Python objects."""
    state = (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0)
    dtype = Made(np.dtype, ("V8", False, True), state)
    content = pickle.dumps(batch(labels=array(dtype, b"A" * 8, (1,))), protocol=2)
    write_folder(tmp_path, fake.pickles() | {"data_batch_1": content})
    code = (
        f"from tfresnet.data import cifar10_files as c; c.read(c.find(c.Path({str(tmp_path)!r})))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 1, "not by a signal"
    assert "labels must be a list or an array of integers" in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (array(np.dtype("O"), [0] * ROWS), "labels must be"),
        (array(np.dtype("V1"), bytes(ROWS)), "labels must be"),
        (array(np.dtype("M8[s]"), bytes(8 * ROWS)), "labels must be"),
        (array(np.dtype("u1"), bytes(ROWS), zero=1), "no dict"),
        (array(np.dtype("u1"), bytes(ROWS - 1)), "reshape"),
        (array(np.dtype("u1"), bytes(ROWS), (2**40, 2**40)), "reshape|big"),
        (Made(np.dtype, ("u1",)), "labels must be"),
        (Made(np.ndarray, ((3,),)), "labels must be"),
    ],
)
def test_arrays_that_are_not_plain(labels, says, fake, tmp_path):
    content = pickle.dumps(batch(labels=labels), protocol=2)
    write_folder(tmp_path, fake.pickles() | {"data_batch_1": content})
    assert re.search(says, refused(tmp_path))


class Touch:
    def __init__(self, path, function):
        self.path, self.function = path, function

    def __reduce__(self):
        return self.function, (str(self.path), "w") if self.function is open else (str(self.path),)


@pytest.mark.parametrize("function", [open, os.mkdir, os.system, eval])
def test_evil_pickle_does_nothing(function, fake, tmp_path):
    target = tmp_path / "created"
    evil = {b"labels": Touch(target if function is not os.system else f"touch {target}", function)}
    contents = fake.pickles() | {"data_batch_1": pickle.dumps(evil, protocol=2)}
    write_folder(tmp_path / "data", contents)
    assert "not allowed" in refused(tmp_path / "data")
    assert not target.exists()


def test_headers_of_pax_and_gnu(fake, tmp_path):
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        with tarfile.open(tmp_path / ARCHIVE, "w:gz", format=form) as archive:
            for name, content in ({"x" * 99: b"0" * 700} | fake.pickles()).items():
                member = tarfile.TarInfo(f"{FOLDER}/{name}")
                member.size, member.mtime, member.uname = len(content), 0.5, "é"
                archive.addfile(member, io.BytesIO(content))
        np.testing.assert_array_equal(read(tmp_path), fake.rows)


@pytest.mark.parametrize("size", [b"-0000001000", b"7" * 11, b"x" * 11, b"\xff" * 10 + b"\xfe"])
def test_sizes_that_no_member_can_have(size, fake, tmp_path):
    path = write_form("python archive, unpacked by Safari", tmp_path, fake)
    content = bytearray(path.read_bytes())
    second = content.index(f"{FOLDER}/data_batch_2".encode())
    content[second : second + 135] = b"other".ljust(124, b"\0") + size
    header = content[second : second + 512]
    check = sum(header) - sum(header[148:156]) + 8 * ord(" ")
    content[second + 148 : second + 155] = f"{check:06o}\0".encode()
    path.write_bytes(content)
    with time_limit():
        refused(tmp_path)


def rewrite(path, change):
    """Writes the archive again with each member passed through `change`."""
    with tarfile.open(path) as archive:
        members = [(member, archive.extractfile(member).read()) for member in archive]
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            change(member)
            archive.addfile(member, io.BytesIO(content))


def test_member_outside_of_the_folder_is_not_read(fake, tmp_path):
    directory = tmp_path / "data"
    write_form("python archive", directory, fake)

    def escape(member):
        member.name = f"../../{member.name}"

    rewrite(directory / ARCHIVE, escape)
    assert "lacks data_batch_1" in refused(directory)
    assert os.listdir(tmp_path) == ["data"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_member_that_is_no_regular_file(kind, fake, tmp_path):
    write_form("python archive", tmp_path, fake)

    def link(member):
        if member.name.endswith("data_batch_2"):
            member.type, member.linkname, member.size = kind, "/etc/passwd", 0

    rewrite(tmp_path / ARCHIVE, link)
    assert "data_batch_2 must be a regular file" in refused(tmp_path)


@pytest.mark.parametrize("kind", ["python archive", "python folder"])
def test_oversized_batch(kind, fake, tmp_path, monkeypatch):
    write_form(kind, tmp_path, fake)
    monkeypatch.setattr(cifar10_files, "MAX_BATCH_BYTES", 1000)
    assert "at most 1000 bytes" in refused(tmp_path)


@pytest.mark.parametrize("form", ["python archive", "python archive, unpacked by Safari"])
def test_a_bomb_is_not_unpacked(form, fake, tmp_path, monkeypatch):
    write_form(form, tmp_path, fake)
    monkeypatch.setattr(cifar10_files, "MAX_ARCHIVE_BYTES", 100_000)
    assert "at most 100000 bytes" in refused(tmp_path)
