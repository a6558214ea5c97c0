"""shapes10 is always the same, fair, and not to be had by looking at single pixels."""

import hashlib

import numpy as np
import pytest

from tfresnet.data import shapes10
from tfresnet.data.dataset import channel_statistics


@pytest.fixture(scope="module")
def dataset():
    return shapes10.load()


def test_pictures_are_pinned(dataset):
    content = dataset.train.images.tobytes() + dataset.test.images.tobytes()
    assert (
        hashlib.sha256(content).hexdigest()
        == "2faa66004b137d7056aac3adde5f61d05c00a438bf7cc9a4cbb5af384e0579e9"
    )


def test_classes_are_balanced(dataset):
    assert np.bincount(dataset.train.labels).tolist() == [1000] * 10
    assert np.bincount(dataset.test.labels).tolist() == [200] * 10
    assert dataset.num_classes == 10
    assert dataset.image_shape == (32, 32, 3)


def test_statistics(dataset):
    assert (dataset.mean, dataset.std) == channel_statistics(dataset.train.images)


def test_no_picture_twice(dataset):
    everything = np.concatenate([dataset.train.images, dataset.test.images]).reshape(12_000, -1)
    assert len({row.tobytes() for row in everything}) == 12_000


def test_arrays_cannot_be_changed(dataset):
    with pytest.raises(ValueError, match="read-only"):
        dataset.train.images[0] = 0


@pytest.mark.parametrize("name", shapes10.SHAPES)
def test_a_mirrored_shape_is_the_shape_turned(name):
    """Mirrored about one of its axes, each shape covers the same points: `flip` is true."""
    grid = (np.arange(64) - 31.5) / 24
    u, v = np.meshgrid(grid, grid)
    inside = shapes10.SHAPES[name](u, v) < 0
    assert 0.03 < inside.mean() < 0.6
    assert (inside == inside[:, ::-1]).all() or (inside == inside[::-1]).all()


@pytest.mark.parametrize("name", shapes10.SHAPES)
def test_shape_and_background_are_seen_apart(name, dataset):
    images = dataset.test.images[dataset.test.labels == list(shapes10.SHAPES).index(name)]
    grey = images.mean(axis=-1).reshape(len(images), -1)
    low, high = np.percentile(grey, (1, 99), axis=1)
    assert (high - low).min() > 25


def test_linear_classifier_stays_under_half(dataset):
    train = dataset.train.images.reshape(10_000, -1).astype(np.float32) / 255
    test = dataset.test.images.reshape(2_000, -1).astype(np.float32) / 255
    centre = train.mean(axis=0)
    train, test = train - centre, test - centre
    targets = np.eye(10, dtype=np.float32)[dataset.train.labels] - 0.1
    ridge = 300 * np.eye(train.shape[1], dtype=np.float32)
    weights = np.linalg.solve(train.T @ train + ridge, train.T @ targets)
    accuracy = np.mean(np.argmax(test @ weights, axis=1) == dataset.test.labels)
    assert 0.1 < accuracy < 0.5
