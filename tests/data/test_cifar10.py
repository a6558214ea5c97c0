"""Where CIFAR-10 is looked for, the cache of what was read, and the download."""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.fake_cifar10 import ARCHIVE, FOLDER, ROWS, write_archive, write_folder

from tfresnet.data import array_cache, cifar10, cifar10_files, places
from tfresnet.data.dataset import channel_statistics
from tfresnet.errors import InputError

KERAS_ARCHIVE = "cifar-10-batches-py-target_archive"
ROOT = Path(array_cache.__file__).parents[2]


def files_in(folder):
    return [path for path in folder.rglob("*") if not path.is_dir()]


@pytest.fixture
def archive(fake, tmp_path):
    return write_archive(tmp_path / "data" / ARCHIVE, FOLDER, fake.pickles())


@pytest.fixture
def no_reading(monkeypatch):
    def forbid():
        def read(source):
            raise AssertionError("the source was opened again")

        monkeypatch.setattr(cifar10_files, "read", read)

    return forbid


def assert_is(dataset, fake):
    np.testing.assert_array_equal(dataset.train.images.reshape(-1, 3072), fake.rows[:-ROWS, 1:])
    np.testing.assert_array_equal(dataset.test.images.reshape(-1, 3072), fake.rows[-ROWS:, 1:])
    np.testing.assert_array_equal(dataset.train.labels, fake.rows[:-ROWS, 0])
    np.testing.assert_array_equal(dataset.test.labels, fake.rows[-ROWS:, 0])


def test_what_is_known_of_it(archive, fake):
    dataset = cifar10.load(archive.parent)
    assert_is(dataset, fake)
    assert dataset.name == "cifar10"
    assert dataset.num_classes == 10
    assert dataset.image_shape == (32, 32, 3)
    assert dataset.flip


def test_order_of_the_places(fake, tmp_path, keras_home, monkeypatch, no_reading):
    def put(folder, first_pixel):
        fake.rows[0, 1] = first_pixel
        write_folder(folder, fake.pickles())

    put(tmp_path / "argument", 1)
    put(tmp_path / "variable", 2)
    put(keras_home / "datasets" / "cifar-10-batches-py-target" / FOLDER, 3)
    monkeypatch.setenv("TFRESNET_DATA_DIR", str(tmp_path / "variable"))
    assert cifar10.load(str(tmp_path / "argument")).train.images[0, 0, 0, 0] == 1
    assert cifar10.load().train.images[0, 0, 0, 0] == 2
    monkeypatch.setenv("TFRESNET_DATA_DIR", "")
    assert cifar10.load().train.images[0, 0, 0, 0] == 3


@pytest.mark.parametrize("name", [KERAS_ARCHIVE, "cifar-10-batches-py.tar.gz"])
def test_archive_in_the_cache_of_a_new_or_old_keras(name, fake, keras_home):
    write_archive(keras_home / "datasets" / name, FOLDER, fake.pickles())
    assert_is(cifar10.load(), fake)


def test_folder_in_the_cache_of_an_old_keras(fake, keras_home):
    write_folder(keras_home / "datasets" / FOLDER, fake.pickles())
    assert_is(cifar10.load(), fake)


def test_the_archive_itself(archive, fake, monkeypatch):
    monkeypatch.setenv("HOME", str(archive.parent))
    assert_is(cifar10.load(f"~/{archive.name}"), fake)
    monkeypatch.setenv("TFRESNET_DATA_DIR", str(archive))
    assert_is(cifar10.load(), fake)


def test_home_that_cannot_be_written(fake, keras_home, tmp_path, monkeypatch, caplog):
    """Keras goes to the temporary folder, and what lies in the home is still found."""
    write_folder(keras_home / "datasets" / FOLDER, fake.pickles())
    monkeypatch.setattr(places, "_TEMPORARY", tmp_path / "temporary")
    monkeypatch.setattr(os, "access", lambda path, mode: path != keras_home)
    assert_is(cifar10.load(), fake)
    assert len(files_in(tmp_path / "temporary" / ".keras" / "datasets" / "tfresnet")) == 1
    assert len(files_in(keras_home)) == 6
    (keras_home / "datasets" / FOLDER / "data_batch_1").unlink()
    write_folder(tmp_path / "temporary" / ".keras" / "datasets" / FOLDER, fake.pickles())
    assert_is(cifar10.load(), fake)
    assert not caplog.records


@pytest.mark.parametrize("setting", ["data_dir", "TFRESNET_DATA_DIR"])
@pytest.mark.parametrize(
    ("folder", "state"), [("none", "no such file or folder"), ("", "none of them")]
)
def test_named_folder_without_cifar10(setting, folder, state, tmp_path, monkeypatch):
    directory = str(tmp_path / folder)
    monkeypatch.setenv("TFRESNET_DATA_DIR", directory)
    with pytest.raises(InputError) as caught:
        cifar10.load(directory if setting == "data_dir" else None)
    message = str(caught.value)
    assert message.startswith(setting)
    assert "\n" not in message
    for part in (directory, state, ARCHIVE, "cifar-10-batches-bin/"):
        assert part in message


def test_incomplete_folder(fake, tmp_path):
    write_folder(tmp_path, fake.pickles())
    (tmp_path / "test_batch").unlink()
    with pytest.raises(InputError, match="test_batch"):
        cifar10.load(tmp_path)


def test_second_load_is_mapped_from_the_cache(archive, fake, keras_home, no_reading):
    cifar10.load(archive.parent)
    assert len(files_in(keras_home)) == 1
    no_reading()
    dataset = cifar10.load(archive.parent)
    assert_is(dataset, fake)
    assert not dataset.train.images.flags.owndata
    assert not dataset.train.images.flags.writeable


def test_changed_source_is_read_again(archive, fake):
    cifar10.load(archive.parent)
    fake.rows[0, 1] ^= 1
    write_archive(archive, FOLDER, fake.pickles())
    os.utime(archive, ns=(1, 1))
    assert_is(cifar10.load(archive.parent), fake)


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path, rows: path.write_bytes(b""),
        lambda path, rows: path.write_bytes(b"PK no array"),
        lambda path, rows: path.write_bytes(path.read_bytes()[:-1]),
        lambda path, rows: path.write_bytes(path.read_bytes() + b"\0"),
        lambda path, rows: np.save(path, rows[:-1]),
        lambda path, rows: np.save(path, rows.astype(np.int16)),
        lambda path, rows: np.save(path, rows | np.uint8(16)),
        lambda path, rows: flip(path, 200),
        lambda path, rows: flip(path, path.stat().st_size - 1),
    ],
)
def test_damaged_cache_is_rebuilt(damage, archive, fake, keras_home, no_reading):
    cifar10.load(archive.parent)
    (path,) = files_in(keras_home)
    damage(path, fake.rows)
    assert_is(cifar10.load(archive.parent), fake)
    no_reading()
    assert_is(cifar10.load(archive.parent), fake)


@pytest.mark.parametrize("changed", [False, True])
def test_other_images_than_the_published_are_said_at_every_start(changed, fake, tmp_path, caplog):
    fake.rows[3, 7] ^= changed
    write_folder(tmp_path, fake.pickles())
    for starts in (1, 2):  # from the files, from the cache
        cifar10.load(tmp_path)
        assert caplog.text.count("other images or labels than the published") == starts * changed


def test_what_killed_writers_left_is_deleted(archive, keras_home):
    cifar10.load(archive.parent)
    (path,) = files_in(keras_home)
    old, young = (path.with_name(f".{path.stem}-{i}.partial.npy") for i in range(2))
    old.touch(), young.touch()
    os.utime(old, times=(1, 1))
    cifar10.load(archive.parent)
    assert sorted(files_in(keras_home)) == sorted([path, young])  # its writer may be at work


def test_cache_folder_that_cannot_be_made(archive, fake, keras_home, caplog):
    keras_home.write_text("a file where the folder should be")
    assert_is(cifar10.load(archive.parent), fake)
    assert len(caplog.records) == 1
    assert caplog.records[0].name == "tfresnet"


def test_full_disk(archive, fake, keras_home, caplog, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert_is(cifar10.load(archive.parent), fake)
    assert "No space left" in caplog.text
    assert files_in(keras_home) == []


def test_two_processes_at_once(archive, keras_home):
    program = (
        "import sys; from tfresnet.data import cifar10, cifar10_files; "
        f"cifar10_files.ROWS = {ROWS}; object.__setattr__(cifar10.CIFAR10, 'crc32', None); "
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules; "
        "print(cifar10.load(sys.argv[1]).train.images.astype(int).sum())"
    )
    command = [sys.executable, "-c", program, str(archive.parent)]
    started = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(2)
    ]
    answers = {process.communicate() for process in started}
    expected = cifar10.load(archive.parent).train.images.astype(int).sum()
    assert answers == {(f"{expected}\n", "")}
    assert len(files_in(keras_home)) == 1


@pytest.fixture
def get_file(monkeypatch):
    """Replaces Keras' download."""
    keras = pytest.importorskip("keras")
    return lambda function: monkeypatch.setattr(keras.utils, "get_file", function)


def test_failed_download_says_what_to_do(get_file, keras_home, capsys):
    timeouts = []

    def fail(name, origin, file_hash, cache_subdir):
        timeouts.append(socket.getdefaulttimeout())
        with open(os.path.join(cache_subdir, name), "wb") as file:
            file.write(b"partial")
        raise Exception("URL fetch failure on\nhttps://...")

    get_file(fail)
    with pytest.raises(InputError) as caught:
        cifar10.load()
    message = str(caught.value)
    assert "\n" not in message
    assert "URL fetch failure on https://" in message
    parts = ("CIFAR-10", ARCHIVE, "--data-dir DIR", "TFRESNET_DATA_DIR", "--dataset shapes10")
    assert all(part in message for part in (*parts, str(keras_home)))
    assert timeouts == [cifar10.DOWNLOAD_TIMEOUT]
    assert socket.getdefaulttimeout() is None
    assert files_in(keras_home) == []
    assert capsys.readouterr() == ("", "")


def test_interrupted_download_leaves_nothing(get_file, keras_home):
    def interrupt(name, origin, file_hash, cache_subdir):
        with open(os.path.join(cache_subdir, name), "wb") as file:
            file.write(b"partial")
        raise KeyboardInterrupt

    get_file(interrupt)
    with pytest.raises(KeyboardInterrupt):
        cifar10.load()
    assert files_in(keras_home) == []


def test_download_without_a_place_for_it(get_file, keras_home):
    keras_home.write_text("a file where the folder should be")
    with pytest.raises(InputError, match="CIFAR-10 is missing"):
        cifar10.load()


def test_download_goes_where_keras_looks(get_file, keras_home, fake):
    calls = []

    def fetch(name, origin, file_hash, cache_subdir):
        calls.append((origin, file_hash))
        return write_archive(Path(cache_subdir) / name, FOLDER, fake.pickles())

    get_file(fetch)
    assert_is(cifar10.load(), fake)
    assert_is(cifar10.load(), fake)
    assert calls == [(cifar10_files.CIFAR10.origin, cifar10_files.CIFAR10.sha256)]
    assert (keras_home / "datasets" / KERAS_ARCHIVE).is_file()


@pytest.mark.cifar10
@pytest.mark.skipif("TFRESNET_DATA_DIR" not in os.environ, reason="TFRESNET_DATA_DIR is not set")
def test_the_real_thing():
    dataset = cifar10.load()
    assert np.bincount(dataset.train.labels).tolist() == [5000] * 10
    assert np.bincount(dataset.test.labels).tolist() == [1000] * 10
    mean, std = channel_statistics(dataset.train.images)
    np.testing.assert_allclose(mean, dataset.mean, atol=1e-9)
    np.testing.assert_allclose(std, dataset.std, atol=1e-9)
    np.testing.assert_allclose(mean, (0.4914, 0.4822, 0.4465), atol=5e-5)
    np.testing.assert_allclose(std, (0.2470, 0.2435, 0.2616), atol=5e-5)
    # Pictures are smooth from pixel to pixel, along both axes: no axis was mixed up.
    sample = dataset.train.images[:2000].astype(np.float32)
    for axis in (1, 2):
        assert np.abs(np.diff(sample, axis=axis)).mean() < 20
