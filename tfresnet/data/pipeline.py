"""From a data set to batches: a stream that can be continued at any step.

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

PREFETCH = 2  # batches; the work is small, and more threads would take them from the training
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
    padding_mode: str = "constant",
    start_step: int = 0,
    image_size: int | None = None,
    parts: int = 1,
    mine: range = range(1),
) -> Batches:
    """An endless stream of shuffled and augmented batches, from step `start_step` of a run on.

    Yields (images, labels): float32 (batch_size, height, width, 3), pixels from 0 to 255, and int32
    (batch_size,). Each epoch has `steps_per_epoch` full batches, drops another random rest, and
    mirrors images only if `flip`; without `augment` they are shown as in evaluation. `padding_mode`
    is what `crop_and_flip` sees beyond their borders. `image_size` makes them smaller. Order and
    augmentation are functions of (seed, epoch, index), so the stream from `start_step` is, bit
    for bit, the tail of the one from 0. On several devices each batch comes in `parts` equal ones,
    of which the stream yields those numbered `mine`, one after the other. Raises `InputError` for
    an impossible batch size, image size or start.
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
    largest = image_size if are_features else min(split.images.shape[1:3])
    side = largest if image_size is None else image_size
    if not are_features and not 1 <= side <= largest:
        raise InputError(f"image_size must be from 1 to {largest}. Received: {image_size}")
    start_epoch, first = divmod(start_step, steps)
    is_files = isinstance(split.images, Pictures)

    def plan(epoch: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """What an epoch does with its images: tensors of (batches, images of a batch, ...)."""
        base = tf.stack([tf.constant(seed, tf.int64), epoch])
        whole = _plan(base, len(split), flip=flip, augment=augment, boxes=is_files)
        skip = tf.where(epoch == start_epoch, tf.constant(first, tf.int64), 0)
        batched = [
            tf.reshape(x[: steps * batch_size], (steps, parts, -1, *x.shape[1:])) for x in whole
        ]
        left = [x[skip:, mine.start : mine.stop] for x in batched]
        return tuple(tf.reshape(x, (-1, batch_size // parts, *x.shape[3:])) for x in left)

    if is_files:
        return picture_batches.planned(split, plan, start_epoch, side, augment)
    images, labels = _on_host(split)

    def batch(indices: tf.Tensor, shift: tf.Tensor, mirrored: tf.Tensor):
        if are_features:
            return tf.gather(images, indices), tf.gather(labels, indices)
        shown = crop_and_flip(images, indices, shift, mirrored, padding_mode)
        if side < largest:
            shown = tf.image.resize(shown, (side, side), antialias=True)
        return shown, tf.gather(labels, indices)

    epochs = tf.data.Dataset.range(start_epoch, FOREVER)
    of_epoch = lambda epoch: tf.data.Dataset.from_tensor_slices(plan(epoch))  # noqa: E731
    return _run_ahead(epochs.flat_map(of_epoch).map(batch))


def eval_batches(
    split: Split, *, batch_size: int, parts: int = 1, mine: range = range(1)
) -> Batches:
    """All images once, in order: (uint8 (batch, height, width, 3), int32 (batch,)).

    The last batch holds the rest. `parts`, `mine`: see `train_batches`. No part is empty: a batch
    of fewer images than parts repeats its last one. Raises `InputError` for a batch size under 1.
    """
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1. Received: {batch_size}")
    starts = range(0, len(split), batch_size)
    sizes = [min(batch_size, len(split) - start) for start in starts]
    bounds = [
        (start + first, start + end)
        for start, size in zip(starts, sizes, strict=True)
        for first, end in _shares(size, parts)[mine.start : mine.stop]
    ]
    if isinstance(split.images, Pictures):
        return picture_batches.in_order(split, bounds)
    images, labels = _on_host(split)

    def batch(bounds: tf.Tensor):
        indices = tf.range(bounds[0], bounds[1])
        return tf.gather(images, indices), tf.gather(labels, indices)

    return _run_ahead(tf.data.Dataset.from_tensor_slices(bounds).map(batch))


def _shares(size: int, parts: int) -> list[tuple[int, int]]:
    """(first, end) of each part of `size` images."""
    if size < parts:  # oneDNN gives wrong shapes for a batch of no images
        return [(min(part, size - 1), min(part, size - 1) + 1) for part in range(parts)]
    return [(size * part // parts, size * (part + 1) // parts) for part in range(parts)]


def _run_ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    # There is nothing to tune here, and the tuner's thread can make the end of a stream wait for
    # up to a minute until it notices (seen with TensorFlow 2.21, in the destructor of iterators).
    options.autotune.enabled = False
    return batches.prefetch(PREFETCH).with_options(options)


def _on_host(split: Split) -> tuple[tf.Tensor, tf.Tensor]:
    """Images and labels as tensors in main memory, where `tf.data` works, also beside a GPU."""
    with tf.device("CPU:0"):
        return tf.constant(split.images), tf.constant(split.labels)


def _plan(base: tf.Tensor, n: int, *, flip: bool, augment: bool, boxes: bool) -> list:
    """What an epoch, `base` (seed, epoch), does with its images: (order, place, mirrored)."""
    orders = tf.random.experimental.stateless_fold_in(base, 0)
    order = tf.random.experimental.stateless_shuffle(tf.range(n), orders, alg="philox")
    if not augment:
        return [order, tf.zeros((n, 2), tf.int32), tf.zeros((n,), tf.bool)]
    places = draw_boxes(base, n) if boxes else draw_shifts(base, n)
    # Drawn by image and then put in order: an image's augmentation does not depend on its place.
    return [order, *(tf.gather(x, order) for x in (places, draw_mirrored(base, n, flip=flip)))]
