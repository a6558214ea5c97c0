"""Splits, the held-out images, and finding a data set by name."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfresnet import data
from tfresnet.data.dataset import Dataset, Split, channel_statistics
from tfresnet.errors import InputError


def make(labels) -> Dataset:
    """Image i is i everywhere."""
    labels = np.asarray(labels, np.int32)
    images = np.broadcast_to(np.arange(len(labels))[:, None, None, None], (len(labels), 2, 2, 3))
    split = Split(images.astype(np.uint8), labels)
    return Dataset("test", ("a", "b", "c"), split, split, (0, 0, 0), (1, 1, 1), flip=False)


def members(split) -> list[int]:
    return split.images[:, 0, 0, 0].tolist()


@pytest.fixture
def dataset():
    return make(np.arange(90) % 3)


def test_properties(dataset):
    assert len(dataset.train) == 90
    assert dataset.num_classes == 3
    assert dataset.image_shape == (2, 2, 3)


@pytest.mark.parametrize("val_size", [1, 2, 29, 30, 31, 89])
def test_holdout_is_balanced_disjoint_and_complete(val_size, dataset):
    train, validation = dataset.holdout(val_size, seed=4)
    counts = np.bincount(validation.labels, minlength=3)
    assert counts.sum() == val_size
    assert counts.max() - counts.min() <= 1
    assert sorted(members(train) + members(validation)) == list(range(90))
    assert members(train) == sorted(members(train))
    for part in (train, validation):
        assert part.labels.tolist() == [i % 3 for i in members(part)]


def test_holdout_follows_from_the_seed(dataset):
    chosen = [members(dataset.holdout(30, seed)[1]) for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1]
    assert chosen[0] != chosen[2]


def test_holdout_is_the_same_on_every_machine(dataset):
    assert members(dataset.holdout(6, seed=0)[1]) == [0, 2, 38, 43, 66, 85]


def test_holdout_of_unequal_classes():
    dataset = make([0] * 2 + [1] * 20 + [2] * 20)
    validation = dataset.holdout(12, seed=0)[1]
    assert np.bincount(validation.labels).tolist() == [1, 6, 5]
    assert np.bincount(dataset.holdout(20, seed=0)[1].labels).tolist() == [1, 10, 9]


def test_a_tenth_is_held_out_unless_the_data_set_has_its_own(dataset):
    train, validation = dataset.holdout(None, seed=0)
    assert (len(train), len(validation)) == (81, 9)
    own = dataclasses.replace(dataset, validation=dataset.test.take(np.arange(7)))
    assert own.holdout(None, seed=0) == (own.train, own.validation)
    train, validation = own.holdout(None, seed=0, train_size=30)
    assert (len(train), validation) == (30, own.validation)
    assert own.holdout(0, seed=0)[1] is None
    assert members(own.holdout(6, seed=0)[1]) == members(dataset.holdout(6, seed=0)[1])


@pytest.mark.parametrize(
    ("classes", "kept"),
    [("0-1", [0, 1]), ("2,0", [0, 2]), (" 1 - 2 ,1", [1, 2]), ("0-2", [0, 1, 2])],
)
def test_some_classes_are_numbered_anew_in_their_order(classes, kept, dataset):
    few = dataclasses.replace(dataset, validation=dataset.test).select_classes(classes)
    assert few.class_names == tuple("abc"[number] for number in kept)
    for split in (few.train, few.validation, few.test):
        assert members(split) == [i for i in range(90) if i % 3 in kept]
        assert [kept[label] for label in split.labels] == [i % 3 for i in members(split)]
    assert dataset.num_classes == 3


@pytest.mark.parametrize(
    "classes", ["0", "0-3", "1-0", "", "a", "0;1", "-1", "0-,1", "0,,1", "²,1", "1-1"]
)
def test_impossible_classes(classes, dataset):
    with pytest.raises(InputError, match="classes must be two or more"):
        dataset.select_classes(classes)


def test_nothing_held_out(dataset):
    train, validation = dataset.holdout(0, seed=0)
    assert train is dataset.train
    assert validation is None


@pytest.mark.parametrize("val_size", [-1, 90, 1000])
def test_impossible_holdout(val_size, dataset):
    with pytest.raises(InputError, match=f"Received: {val_size}"):
        dataset.holdout(val_size, seed=0)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((4, 2, 2, 3)), np.zeros(4, np.int32)),
        (np.zeros((4, 2, 2, 1), np.uint8), np.zeros(4, np.int32)),
        (np.zeros((4, 2, 2, 3), np.uint8), np.zeros(3, np.int32)),
        (np.zeros((4, 2, 2, 3), np.uint8), np.zeros(4, np.int64)),
    ],
)
def test_split_of_wrong_arrays(images, labels):
    with pytest.raises(InputError, match="Received"):
        Split(images, labels)


def test_statistics_are_those_of_numpy():
    images = np.random.default_rng(3).integers(0, 256, (7, 5, 4, 3), dtype=np.uint8)
    mean, std = channel_statistics(images)
    np.testing.assert_allclose(mean, (images / 255).mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, (images / 255).std(axis=(0, 1, 2)), rtol=1e-12)


def test_known_names():
    assert data.list_datasets() == ["cifar10", "cifar100", "folder", "shapes10"]
    assert data.load_dataset("shapes10", "no/such/folder").name == "shapes10"


@pytest.mark.parametrize("name", ["cifar-10", "CIFAR10", "Cifar 10"])
@pytest.mark.parametrize("function", [data.load_dataset, data.check_dataset_name])
def test_unknown_name_is_answered_with_the_known_and_the_nearest(name, function):
    with pytest.raises(InputError) as caught:
        function(name)
    message = str(caught.value)
    assert message == (
        "dataset must be one of cifar10, cifar100, folder, shapes10. "
        f"Received: '{name}' (did you mean cifar10?)"
    )


def test_a_name_is_checked_without_loading(monkeypatch):
    monkeypatch.setitem(data._LOADERS, "shapes10", None)
    data.check_dataset_name("shapes10")


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="no_such_thing"):
        data.no_such_thing  # noqa: B018


def test_import_is_light():
    program = (
        "import sys, tfresnet.data, tfresnet.data.cifar10, tfresnet.data.shapes10; "
        "print([name for name in ('tensorflow', 'keras', 'PIL') if name in sys.modules])"
    )
    root = Path(data.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root)
    assert done.stdout == "[]\n", done.stderr


def test_a_data_set_prints_in_three_lines():
    from tfresnet.data import load_dataset

    lines = repr(load_dataset("shapes10")).splitlines()
    assert len(lines) == 3
    assert lines[0] == "shapes10: 10,000 training, 2,000 test images of 32x32 pixels"
    assert max(map(len, lines)) < 100
