"""Shift and mirror against a plain NumPy version, pixel by pixel."""

import numpy as np
import pytest
import tensorflow as tf

from tfresnet.data.augmentation import (
    PAD,
    crop_and_flip,
    draw_boxes,
    draw_mirrored,
    draw_shifts,
)
from tfresnet.settings.recipes import PADDING_MODES


def draw(seed, epoch, n, *, flip=True):
    base = tf.constant([seed, epoch], tf.int64)
    return draw_shifts(base, n), draw_mirrored(base, n, flip=flip)


def reference(images, indices, shift, mirrored, padding_mode):
    crops = []
    for index, (down, right), mirror in zip(indices, shift, mirrored, strict=True):
        image = images[index]
        height, width = image.shape[:2]
        space = np.pad(image, [(PAD, PAD), (PAD, PAD), (0, 0)], padding_mode)
        crop = space[PAD + down : PAD + down + height, PAD + right : PAD + right + width]
        crops.append(crop[:, ::-1] if mirror else crop)
    return np.stack(crops).astype(np.float32)


def compare(images, indices, shift, mirrored, padding_mode="constant"):
    got = crop_and_flip(
        tf.constant(images),
        tf.constant(indices, tf.int32),
        tf.constant(shift, tf.int32),
        tf.constant(mirrored, tf.bool),
        padding_mode,
    )
    assert got.dtype == tf.float32
    np.testing.assert_array_equal(got, reference(images, indices, shift, mirrored, padding_mode))


@pytest.mark.parametrize("padding_mode", PADDING_MODES)
@pytest.mark.parametrize("size", [(32, 32), (9, 14), (5, 5), (64, 64), (224, 224)])
def test_every_shift_with_and_without_mirror(size, padding_mode):
    random = np.random.default_rng(0)
    images = random.integers(1, 256, (3, *size, 3), dtype=np.uint8)  # no black of their own
    span = range(-PAD, PAD + 1)
    cases = [(down, right, mirror) for down in span for right in span for mirror in (False, True)]
    shift = [case[:2] for case in cases]
    mirrored = [case[2] for case in cases]
    compare(images, random.integers(0, 3, len(cases)), shift, mirrored, padding_mode)


def test_no_shift_no_mirror_is_the_image_itself():
    images = np.random.default_rng(1).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    got = crop_and_flip(tf.constant(images), range(5), np.zeros((5, 2), int), [False] * 5)
    np.testing.assert_array_equal(got, images)


def test_draws_cover_the_range_evenly():
    base = tf.constant([3, 0], tf.int64)
    shift, mirrored = draw_shifts(base, 20_000), draw_mirrored(base, 20_000, flip=True)
    assert shift.shape == (20_000, 2)
    values, counts = np.unique(shift, return_counts=True)
    assert values.tolist() == list(range(-PAD, PAD + 1))
    assert counts.min() > 0.9 * counts.mean()
    assert abs(np.mean(mirrored) - 0.5) < 0.02
    both = np.corrcoef([*np.transpose(shift), mirrored])
    assert np.abs(both - np.eye(3)).max() < 0.03  # the three do not go together


def test_draws_of_boxes_are_even_and_independent():
    boxes = draw_boxes(tf.constant([3, 0], tf.int64), 20_000).numpy()
    assert boxes.min() >= 0
    assert boxes.max() < 1
    np.testing.assert_allclose(boxes.mean(axis=0), 0.5, atol=0.01)
    assert np.abs(np.corrcoef(boxes.T) - np.eye(4)).max() < 0.03
    assert (boxes != draw_boxes(tf.constant([3, 1], tf.int64), 20_000).numpy()).any()


def test_draws_follow_from_the_seed():
    first, again, other = (draw(seed, 1, 50) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert np.any(first[0] != other[0])
    assert np.any(first[1] != other[1])


def test_without_flip_nothing_is_mirrored():
    shift, mirrored = draw(0, 0, 50, flip=False)
    assert not np.any(mirrored)
    np.testing.assert_array_equal(shift, draw(0, 0, 50)[0])


def test_two_epochs_show_both_sides_of_every_image():
    shifts, sides = zip(*(draw(5, epoch, 200) for epoch in range(4)), strict=True)
    np.testing.assert_array_equal(sides[0], sides[2])
    np.testing.assert_array_equal(sides[1], ~sides[0].numpy())
    assert (shifts[0].numpy() != shifts[2].numpy()).any()
