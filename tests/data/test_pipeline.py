"""The stream: order, resume, what a batch holds."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfresnet import data
from tfresnet.data.dataset import Split
from tfresnet.errors import InputError

BATCH, STEPS = 8, 6  # of the 50 numbered images


def stream(split, **changes):
    settings = {"batch_size": BATCH, "seed": 5, "flip": True} | changes
    return data.train_batches(split, **settings)


def take(dataset, n):
    return list(itertools.islice(dataset.as_numpy_iterator(), n))


def numbers(batch) -> list[int]:
    """Which of the numbered images a batch without augmentation holds."""
    return (batch[0][:, 0, 0, 0] / 5).astype(int).tolist()


def by_epoch(batches) -> list[list[int]]:
    epochs = (batches[i : i + STEPS] for i in range(0, len(batches), STEPS))
    return [[number for batch in epoch for number in numbers(batch)] for epoch in epochs]


@pytest.fixture
def pictures() -> Split:
    random = np.random.default_rng(2)
    images = random.integers(1, 256, (20, 8, 8, 3), dtype=np.uint8)
    return Split(images, np.arange(20, dtype=np.int32))


def assert_same(left, right):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])


@pytest.mark.parametrize("start", [0, 1, 3, 5, 9])
def test_resumed_stream_is_the_tail_bit_for_bit(start, pictures):
    """Three steps make an epoch."""
    whole = take(stream(pictures, batch_size=6), 12)
    tail = take(stream(pictures, batch_size=6, start_step=start), 12 - start)
    assert_same(tail, whole[start:])


def test_the_order_of_a_seed_never_changes(numbered):
    """Or a run of an earlier version would go on with other batches than it began with."""
    third_epoch = stream(numbered, augment=False, start_step=2 * STEPS)
    assert numbers(take(third_epoch, 1)[0]) == [47, 0, 18, 4, 43, 41, 6, 27]


def test_same_seed_same_stream_other_seed_another(pictures):
    first = take(stream(pictures), 4)
    assert_same(first, take(stream(pictures), 4))
    other = take(stream(pictures, seed=6), 4)
    assert any(np.any(a[0] != b[0]) for a, b in zip(first, other, strict=True))


def test_an_iterated_stream_starts_again_at_its_start(pictures):
    batches = stream(pictures, start_step=1)
    assert_same(take(batches, 3), take(batches, 3))


def test_an_epoch_holds_every_image_at_most_once(numbered):
    epochs = by_epoch(take(stream(numbered, augment=False), 4 * STEPS))
    for epoch in epochs:
        assert len(set(epoch)) == STEPS * BATCH
    assert len({tuple(epoch) for epoch in epochs}) == 4
    dropped = {frozenset(range(50)) - frozenset(epoch) for epoch in epochs}
    assert len(dropped) > 1


def test_labels_belong_to_their_images(numbered):
    for batch in take(stream(numbered, augment=False), STEPS):
        assert batch[1].tolist() == [number % 10 for number in numbers(batch)]


def test_augmentation_of_an_image_changes_with_the_epoch_and_not_with_its_place(pictures):
    """Of two batch sizes only the place of an image in the stream differs."""

    def seen(batch_size):
        steps = 20 // batch_size
        batches = take(stream(pictures, batch_size=batch_size), 3 * steps)
        return [
            {
                int(label): image.tobytes()
                for x, y in part
                for image, label in zip(x, y, strict=True)
            }
            for part in (batches[e * steps : (e + 1) * steps] for e in range(3))
        ]

    small, large = seen(4), seen(10)
    assert small == large
    assert sum(small[0][i] == small[1][i] for i in range(20)) < 5


def test_augmented_images_are_shifted_mirrored_originals(pictures):
    first, second = take(stream(pictures, flip=True), 2), take(stream(pictures, flip=False), 2)
    mirrored = 0
    for (x, labels), (plain, same) in zip(first, second, strict=True):
        np.testing.assert_array_equal(labels, same)
        for image, other in zip(x, plain, strict=True):
            mirrored += bool(np.any(image != other))
    assert 3 < mirrored < 13
    shown = np.concatenate([x for x, _ in first])
    assert np.any(np.all(shown == 0, axis=-1))  # no pixel of the images is black


def test_pixels_are_those_of_the_images(pictures):
    ((images, labels),) = take(stream(pictures, batch_size=20, augment=False), 1)
    np.testing.assert_array_equal(images, pictures.images[labels])


def test_smaller_images_are_the_augmented_ones_reduced(pictures):
    smaller = take(stream(pictures, batch_size=20, image_size=6), 4)
    for (images, labels), (whole, same) in zip(
        smaller, take(stream(pictures, batch_size=20), 4), strict=True
    ):
        np.testing.assert_array_equal(labels, same)
        reduced = tf.image.resize(whole, (6, 6), antialias=True)
        np.testing.assert_array_equal(images, reduced)


def test_smaller_images_continue_exactly(pictures):
    tail = take(stream(pictures, batch_size=6, image_size=6, start_step=4), 2)
    assert_same(tail, take(stream(pictures, batch_size=6, image_size=6), 6)[4:])
    for side in (0, 9):
        with pytest.raises(InputError, match=f"image_size must be from 1 to 8. Received: {side}"):
            stream(pictures, image_size=side)


def test_reflecting_crops_show_no_black(pictures):
    batches = take(stream(pictures, batch_size=20, padding_mode="reflect"), 4)
    black = take(stream(pictures, batch_size=20), 4)
    for (images, labels), (other, same) in zip(batches, black, strict=True):
        np.testing.assert_array_equal(labels, same)
        assert (images > 0).all()  # as are the images
        inside = other > 0
        np.testing.assert_array_equal(images[inside], other[inside])


def test_uncropped_images_are_whole_and_still_mirrored(pictures):
    for images, labels in take(stream(pictures, batch_size=20, crop=False), 4):
        originals = pictures.images[labels]
        mirrored = (images == originals[:, :, ::-1]).all(axis=(1, 2, 3))
        np.testing.assert_array_equal(images[~mirrored], originals[~mirrored])
        assert 0 < mirrored.sum() < 20


def test_crops_change_neither_the_order_nor_the_mirrored_images(pictures):
    def shown(**options):
        return zip(*take(stream(pictures, batch_size=20, **options), 4), strict=True)

    cropped, labels = shown()
    whole, same = shown(crop=False)
    np.testing.assert_array_equal(labels, same)
    assert all((images != others).any() for images, others in zip(cropped, whole, strict=True))
    straight, _ = shown(flip=False)
    upright, _ = shown(crop=False, flip=False)
    mirrored = np.any(np.not_equal(cropped, straight), axis=(2, 3, 4))
    np.testing.assert_array_equal(mirrored, np.any(np.not_equal(whole, upright), axis=(2, 3, 4)))


def test_train_shapes_are_static(numbered):
    images, labels = stream(numbered).element_spec
    assert images == tf.TensorSpec((BATCH, 6, 5, 3), tf.float32)
    assert labels == tf.TensorSpec((BATCH,), tf.int32)


def test_eval_is_complete_and_in_order(pictures):
    batches = data.eval_batches(pictures, batch_size=8)
    assert int(batches.cardinality()) == 3
    got = take(batches, 9)
    assert [len(labels) for _, labels in got] == [8, 8, 4]
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in got]), pictures.labels)
    images = np.concatenate([images for images, _ in got])
    np.testing.assert_array_equal(images, pictures.images)
    assert images.dtype == np.uint8


def test_steps_per_epoch():
    assert data.steps_per_epoch(50, 8) == 6
    assert data.steps_per_epoch(50, 50) == 1


@pytest.mark.parametrize("batch_size", [0, -1, 51])
def test_impossible_batch_size(batch_size, numbered):
    with pytest.raises(InputError, match=f"Received: {batch_size}"):
        data.steps_per_epoch(50, batch_size)
    with pytest.raises(InputError, match=f"Received: {batch_size}"):
        stream(numbered, batch_size=batch_size)


def test_impossible_eval_batch_size(numbered):
    with pytest.raises(InputError, match="Received: 0"):
        data.eval_batches(numbered, batch_size=0)


def test_impossible_start(numbered):
    with pytest.raises(InputError, match="Received: -1"):
        stream(numbered, start_step=-1)


def test_no_tuner_runs_beside_the_streams(numbered):
    """Its thread can make the end of a stream wait; see `pipeline`."""
    validation = data.eval_batches(numbered, batch_size=8)
    assert stream(numbered).options().autotune.enabled is False
    assert validation.options().autotune.enabled is False


@pytest.mark.parametrize(("size", "shares"), [(5, [2, 3]), (1, [1, 1])])
def test_no_part_of_an_evaluation_is_empty(numbered, size, shares):
    some = numbered.take(np.arange(BATCH + size))
    parts = take(data.eval_batches(some, batch_size=BATCH, parts=2, mine=range(2)), 4)
    assert [len(labels) for _, labels in parts] == [4, 4, *shares]
    labels = np.concatenate([labels for _, labels in parts])
    np.testing.assert_array_equal(labels[: len(some)], some.labels)
