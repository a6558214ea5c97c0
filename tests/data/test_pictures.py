"""Pictures in files as an array, and the stream of batches made of them."""

import itertools
import threading

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from support.picture_folders import noise

from tfresnet import data
from tfresnet.data import picture_files, pictures
from tfresnet.data.ahead import WORKERS, map_ahead
from tfresnet.data.dataset import Split
from tfresnet.data.pictures import Memory, Pictures, random_box
from tfresnet.errors import InputError, RunError

SIDE, N, BATCH = 8, 20, 6  # three steps make an epoch


@pytest.fixture
def files(tmp_path):
    for number in range(N):
        noise(number, 30 + number, 50 - number).save(tmp_path / f"{number:02}.png")
    return sorted(map(str, tmp_path.glob("*.png")))


def split_of(files, room=10**9, side=SIDE):
    return Split(Pictures(files, side, Memory(2 * side, room)), np.arange(N, dtype=np.int32))


def take(split, n, **changes):
    settings = {"batch_size": BATCH, "seed": 5, "flip": True} | changes
    batches = itertools.islice(data.train_batches(split, **settings), n)
    return [(images.numpy(), labels.numpy()) for images, labels in batches]


def assert_same(left, right):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])


def test_they_look_like_an_array(files):
    images = split_of(files).images
    whole = images[:]
    assert (whole.shape, whole.dtype, whole.ndim) == (images.shape, images.dtype, images.ndim)
    assert len(images) == len(whole) == N
    np.testing.assert_array_equal(images[3], whole[3])
    np.testing.assert_array_equal(images[np.array([4, 1])], whole[[4, 1]])
    np.testing.assert_array_equal(images.take([4, 1], axis=0)[:], whole.take([4, 1], axis=0))
    assert images[:0].shape == whole[:0].shape
    by_hand = picture_files.centre(picture_files.read(files[3], 2 * SIDE), SIDE)
    np.testing.assert_array_equal(images[3], by_hand)


@pytest.mark.parametrize("start", [0, 1, 3, 7])
def test_resumed_stream_is_the_tail_bit_for_bit(start, files):
    split = split_of(files)
    assert_same(take(split, 9 - start, start_step=start), take(split, 9)[start:])


def test_memory_decides_on_nothing_but_time(files):
    whole = take(split_of(files), 9)
    assert_same(take(split_of(files, room=0), 9), whole)
    assert_same(take(split_of(files, room=3000), 9), whole)


def test_order_and_labels_are_those_of_an_array(files):
    split = split_of(files)
    array = Split(split.images[:], split.labels)
    assert_same(take(split, 7, augment=False), take(array, 7, augment=False))
    augmented = take(split, 7), take(array, 7)
    for (_, labels), (_, same) in zip(*augmented, strict=True):
        np.testing.assert_array_equal(labels, same)


def test_what_fits_is_read_once_and_the_rest_each_time(files, monkeypatch):
    reads = []
    read = picture_files.read
    monkeypatch.setattr(
        picture_files, "read", lambda path, side: reads.append(path) or read(path, side)
    )
    sizes = [np.asarray(read(path, 2 * SIDE)).nbytes for path in files]
    split = split_of(files)
    for _ in range(3):
        split.images[:]
        split.take(np.arange(5)).images[:]
    assert sorted(reads) == files
    reads.clear()
    room = sizes[0] + sizes[1]
    some = split_of(files, room)
    for _ in range(3):
        some.images[:]
    assert reads.count(files[0]) == reads.count(files[1]) == 1
    assert reads.count(files[-1]) == 3
    assert 0 <= some.images.memory.room < min(sizes)


def test_no_more_is_kept_than_a_crop_needs(tmp_path):
    noise(0, 400, 300).save(tmp_path / "a.jpg")
    memory = Memory(2 * SIDE, 10**9)
    Pictures([str(tmp_path / "a.jpg")], SIDE, memory)[:]
    assert 10**9 - memory.room == 16 * 21 * 3


def test_smaller_images_of_the_same_pictures(files):
    split = split_of(files)
    ((images, labels),) = take(split, 1, image_size=5, augment=False)
    assert images.shape == (BATCH, 5, 5, 3)
    expected = [picture_files.centre(picture_files.read(files[i], 2 * SIDE), 5) for i in labels]
    np.testing.assert_array_equal(images, expected)
    assert take(split, 1, image_size=5)[0][0].shape == (BATCH, 5, 5, 3)
    for side in (0, SIDE + 1):
        with pytest.raises(InputError, match=f"image_size must be from 1 to 8. Received: {side}"):
            take(split, 1, image_size=side)


def test_crops_and_whole_pictures_are_mirrored(files):
    split = split_of(files)
    for crop in (True, False):
        epoch = {"batch_size": N, "crop": crop}
        ((plain, labels),) = take(split, 1, flip=False, **epoch)
        ((shown, same),) = take(split, 1, **epoch)
        np.testing.assert_array_equal(labels, same)
        mirrored = (shown == plain[:, :, ::-1]).all(axis=(1, 2, 3))
        np.testing.assert_array_equal(shown[~mirrored], plain[~mirrored])
        assert 0 < mirrored.sum() < N
        whole = (plain == split.images[labels]).all(axis=(1, 2, 3))
        assert whole.all() != crop
        assert whole.any() != crop


@pytest.mark.parametrize("size", [(40, 30), (30, 40), (200, 20), (1, 1), (3, 500)])
def test_random_boxes_lie_inside_and_keep_their_shape(size):
    width, height = size
    for numbers in np.random.default_rng(0).random((500, 4)):
        left, top, right, bottom = random_box(size, numbers)
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        shape = (right - left) / (bottom - top)
        assert 3 / 4 - 1e-6 < shape < 4 / 3 + 1e-6
        share = (right - left) * (bottom - top) / (width * height)
        assert share <= 1
        if max(size) < 2 * min(size):
            assert share > 0.24


def test_random_boxes_reach_every_corner_and_the_whole():
    assert random_box((20, 20), (1, 0.5, 0, 0)) == (0, 0, 20, 20)
    assert random_box((20, 20), (0, 0.5, 0, 0)) == (0, 0, 10, 10)
    assert random_box((20, 20), (0, 0.5, 1, 1)) == (10, 10, 20, 20)


def test_evaluation_is_complete_and_in_order(files):
    split = split_of(files)
    batches = list(data.eval_batches(split, batch_size=8))
    assert [len(labels) for _, labels in batches] == [8, 8, 4]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), split.images[:])
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), split.labels)
    assert batches[0][0].dtype == tf.uint8


def test_a_picture_that_is_gone_is_named_when_its_turn_comes(files, tmp_path):
    split = split_of(files)
    (tmp_path / "07.png").unlink()
    with pytest.raises(RunError, match=r"pictures have changed: .*07\.png \(No such file"):
        take(split, 9)
    with pytest.raises(RunError, match=r"07\.png"):
        list(data.eval_batches(split, batch_size=8))


def test_work_is_handed_over_in_order_and_bounded():
    done, taken = [], 0
    for taken, number in enumerate(
        map_ahead(lambda n: done.append(n) or n, ((n,) for n in range(60)))
    ):
        assert number == taken
        assert len(done) <= taken + 1 + WORKERS
    assert taken == 59


def test_a_stream_that_is_left_ends_its_threads(files):
    before = threading.active_count()
    batches = iter(data.train_batches(split_of(files), batch_size=2, seed=0, flip=True))
    next(batches)
    assert threading.active_count() > before
    batches.close()
    assert threading.active_count() == before


def test_the_smallest_crop_needs_no_more_than_what_is_kept():
    """Twice the side: half of it is the side of a crop of the smallest area."""
    assert pictures.SMALLEST**0.5 * 2 == 1


def test_reading_does_not_depend_on_the_order_of_threads(files):
    runs = [take(split_of(files, room=0), 12, batch_size=2) for _ in range(2)]
    assert_same(*runs)


def test_a_cached_picture_is_the_picture(files):
    memory = Memory(2 * SIDE, 10**9)
    first, again = memory.read(files[0]), memory.read(files[0])
    assert isinstance(again, Image.Image)
    np.testing.assert_array_equal(np.asarray(first), np.asarray(again))
