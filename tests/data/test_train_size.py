"""A part of the training images: as many as asked for, the classes in equal parts."""

import dataclasses

import numpy as np
import pytest

from tfresnet.data import shapes10
from tfresnet.errors import InputError


@pytest.fixture(scope="module")
def data():
    whole = shapes10.load()
    return dataclasses.replace(whole, train=whole.train.take(range(600)))


def same(a, b):
    return np.array_equal(a.images, b.images) and np.array_equal(a.labels, b.labels)


def test_train_size_takes_the_classes_in_equal_parts(data):
    train, validation = data.holdout(50, seed=3, train_size=200)
    assert len(train) == 200
    assert np.bincount(train.labels).tolist() == [20] * 10
    assert same(validation, data.holdout(50, seed=3)[1])
    smaller, _ = data.holdout(50, seed=3, train_size=100)
    rows = {image.tobytes() for image in train.images}
    assert all(image.tobytes() in rows for image in smaller.images)


def test_all_that_is_not_held_out_is_the_whole(data):
    assert same(data.holdout(50, seed=3, train_size=550)[0], data.holdout(50, seed=3)[0])
    train, validation = data.holdout(0, seed=3, train_size=10)
    assert (len(train), validation) == (10, None)


@pytest.mark.parametrize("size", [0, 551])
def test_impossible_sizes(data, size):
    with pytest.raises(InputError, match=rf"train_size must be .* 550, .* Received: {size}"):
        data.holdout(50, seed=3, train_size=size)
