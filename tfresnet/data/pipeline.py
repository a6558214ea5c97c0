"""Batches of a data set, as a stream that can start at any step.

Images in memory go through `tf.data`, pictures in files through `picture_batches`.
"""

import numpy as np
import tensorflow as tf

from tfresnet.data import picture_batches
from tfresnet.data.augmentation import crop_and_flip, draw_boxes, draw_mirrored, draw_shifts
from tfresnet.data.dataset import Features, Split
from tfresnet.data.picture_batches import Batches
from tfresnet.data.pictures import Pictures
from tfresnet.errors import InputError

PREFETCH = 2  # batches; making them is cheap, and more threads would slow the training
# These functions need no AutoGraph, which takes longer to convert them than TensorFlow to trace.
do_not_convert = tf.autograph.experimental.do_not_convert
FOREVER = np.iinfo(np.int64).max


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Full batches in an epoch of `n` images. Raises `InputError` unless 1 <= batch_size <= n."""
    if not 1 <= batch_size <= n:
        raise InputError(
            f"batch_size must be from 1 to {n}, the number of training images. "
            f"Received: {batch_size}"
        )
    return n // batch_size


def train_batches(
    split: Split,
    *,
    batch_size: int,
    seed: int,
    flip: bool,
    augment: bool = True,
    crop: bool = True,
    padding_mode: str = "constant",
    start_step: int = 0,
    image_size: int | None = None,
    parts: int = 1,
    mine: range = range(1),
) -> Batches:
    """An endless stream of shuffled batches: float32 (batch, height, width, 3), 0..255, and labels.

    Order and augmentation are functions of (seed, epoch, index): the stream from `start_step` is,
    bit for bit, the tail of the stream from 0. Each epoch has `steps_per_epoch` full batches and
    drops a random rest. `crop` takes random crops, `flip` mirrors half of the images; without
    `augment` they look as in evaluation. `image_size` makes them smaller. Each batch has `parts`
    equal parts, one per device; the stream yields those numbered `mine`, one after the other.
    Raises `InputError` for an impossible batch size, image size or start step.
    """
    steps = steps_per_epoch(len(split), batch_size)
    if batch_size % parts:
        raise InputError(
            f"batch_size must be a multiple of {parts}, the number of devices. "
            f"Received: {batch_size}"
        )
    if start_step < 0:
        raise InputError(f"start_step must be at least 0. Received: {start_step}")
    are_features = isinstance(split, Features)
    largest = min(split.images.shape[1:3])
    side = largest if image_size is None else image_size
    if not (are_features or 1 <= side <= largest):
        raise InputError(f"image_size must be from 1 to {largest}. Received: {image_size}")
    start_epoch, first = divmod(start_step, steps)
    crop, flip = crop and augment, flip and augment
    is_files = isinstance(split.images, Pictures)

    def plan(epoch: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """`_plan_epoch` by batch: tensors (batches, images of a batch, ...)."""
        base = tf.stack([tf.constant(seed, tf.int64), epoch])
        skip = tf.where(epoch == start_epoch, tf.constant(first, tf.int64), 0)

        def by_batch(x):
            x = tf.reshape(x[: steps * batch_size], (steps, parts, -1, *x.shape[1:]))
            x = x[skip:, mine.start : mine.stop]
            return tf.reshape(x, (-1, batch_size // parts, *x.shape[3:]))

        epoch_plan = _plan_epoch(base, len(split), flip=flip, crop=crop, boxes=is_files)
        return tuple(map(by_batch, epoch_plan))

    if is_files:
        return picture_batches.train_batches(split, plan, start_epoch, side, crop)
    images, labels = _on_host(split)

    @do_not_convert
    def batch(indices: tf.Tensor, shift: tf.Tensor, mirrored: tf.Tensor):
        if are_features:
            return tf.gather(images, indices), tf.gather(labels, indices)
        shown = crop_and_flip(images, indices, shift, mirrored, padding_mode)
        if side < largest:
            shown = tf.image.resize(shown, (side, side), antialias=True)
        return shown, tf.gather(labels, indices)

    epochs = tf.data.Dataset.range(start_epoch, FOREVER)
    by_epoch = do_not_convert(lambda epoch: tf.data.Dataset.from_tensor_slices(plan(epoch)))
    plans = epochs.flat_map(by_epoch)
    return _run_ahead(plans.map(batch))


def eval_batches(
    split: Split, *, batch_size: int, parts: int = 1, mine: range = range(1)
) -> Batches:
    """All images once, in order: (uint8 (batch, height, width, 3), int32 (batch,)).

    The last batch holds the rest. `parts`, `mine`: see `train_batches`; a batch of fewer images
    than parts repeats its last image. Raises `InputError` for a batch size below 1.
    """
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1. Received: {batch_size}")
    bounds = [
        (start + first, start + end)
        for start in range(0, len(split), batch_size)
        for first, end in _shares(min(batch_size, len(split) - start), parts)[
            mine.start : mine.stop
        ]
    ]
    if isinstance(split.images, Pictures):
        return picture_batches.eval_batches(split, bounds)
    images, labels = _on_host(split)

    @do_not_convert
    def batch(bounds: tf.Tensor):
        indices = tf.range(bounds[0], bounds[1])
        return tf.gather(images, indices), tf.gather(labels, indices)

    return _run_ahead(tf.data.Dataset.from_tensor_slices(bounds).map(batch))


def _shares(size: int, parts: int) -> list[tuple[int, int]]:
    """(first, end) of each part of `size` images."""
    if size < parts:  # no empty part: oneDNN returns wrong shapes for it
        return [(min(part, size - 1), min(part, size - 1) + 1) for part in range(parts)]
    return [(size * part // parts, size * (part + 1) // parts) for part in range(parts)]


def _run_ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    # Nothing here needs tuning, and the tuner's thread can delay the destructor of an iterator by
    # up to a minute (seen with TensorFlow 2.21).
    options.autotune.enabled = False
    return batches.prefetch(PREFETCH).with_options(options)


def _on_host(split: Split) -> tuple[tf.Tensor, tf.Tensor]:
    """Images and labels as tensors in main memory, where `tf.data` works."""
    with tf.device("CPU:0"):
        return tf.constant(split.images), tf.constant(split.labels)


def _plan_epoch(base: tf.Tensor, n: int, *, flip: bool, crop: bool, boxes: bool) -> list:
    """(order, place of the crop, mirrored) of `n` images; base: int64 (seed, epoch)."""
    key = tf.random.experimental.stateless_fold_in(base, 0)
    order = tf.random.experimental.stateless_shuffle(tf.range(n), key, alg="philox")
    # Drawn by image, then put in order: augmentation does not depend on the order.
    places = draw_boxes(base, n) if boxes else draw_shifts(base, n) * int(crop)
    mirrored = draw_mirrored(base, n, flip=flip)
    return [order, tf.gather(places, order), tf.gather(mirrored, order)]
