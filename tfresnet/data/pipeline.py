"""From arrays to batches: a `tf.data` stream that can be continued at any step."""

import numpy as np
import tensorflow as tf

from tfresnet.data.augmentation import crop_and_flip, draw
from tfresnet.data.dataset import Split
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
    start_step: int = 0,
) -> tf.data.Dataset:
    """An endless stream of shuffled and augmented batches, from step `start_step` of a run on.

    Yields (images, labels): float32 (batch_size, height, width, 3), pixels from 0 to 255, and int32
    (batch_size,). Each epoch has `steps_per_epoch` full batches, drops another random rest, and
    mirrors images only if `flip`; without `augment` they are left as they are. Order and
    augmentation are functions of (seed, epoch, index), so the stream from `start_step` is, bit for
    bit, the tail of the one from 0. Raises `InputError` for an impossible batch size or start.
    """
    steps = steps_per_epoch(len(split), batch_size)
    if start_step < 0:
        raise InputError(f"start_step must be at least 0. Received: {start_step}")
    start_epoch, first = divmod(start_step, steps)
    images, labels = _on_host(split)

    def epoch_of_indices(epoch: tf.Tensor) -> tf.data.Dataset:
        plan = _plan(seed, epoch, len(split), flip=flip, augment=augment)
        skip = tf.where(epoch == start_epoch, tf.constant(first, tf.int64), 0)
        batched = [
            tf.reshape(x[: steps * batch_size], (steps, batch_size, *x.shape[1:])) for x in plan
        ]
        return tf.data.Dataset.from_tensor_slices(tuple(x[skip:] for x in batched))

    def batch(indices: tf.Tensor, shift: tf.Tensor, mirrored: tf.Tensor):
        return crop_and_flip(images, indices, shift, mirrored), tf.gather(labels, indices)

    epochs = tf.data.Dataset.range(start_epoch, FOREVER)
    return _run_ahead(epochs.flat_map(epoch_of_indices).map(batch))


def eval_batches(split: Split, *, batch_size: int) -> tf.data.Dataset:
    """All images once, in order: (uint8 (batch, height, width, 3), int32 (batch,)).

    The last batch holds the rest. Raises `InputError` for a batch size under 1.
    """
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1. Received: {batch_size}")
    images, labels = _on_host(split)

    def batch(indices: tf.Tensor):
        return tf.gather(images, indices), tf.gather(labels, indices)

    return _run_ahead(tf.data.Dataset.range(len(split)).batch(batch_size).map(batch))


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


def _plan(seed: int, epoch: tf.Tensor, n: int, *, flip: bool, augment: bool) -> list[tf.Tensor]:
    """What an epoch does with its images: (order, shift, mirrored), the last two in that order."""
    base = tf.stack([tf.constant(seed, tf.int64), epoch])
    orders = tf.random.experimental.stateless_fold_in(base, 0)
    order = tf.random.experimental.stateless_shuffle(tf.range(n), orders, alg="philox")
    if not augment:
        return [order, tf.zeros((n, 2), tf.int32), tf.zeros((n,), tf.bool)]
    # Drawn by image and then put in order: an image's augmentation does not depend on its place.
    return [order, *(tf.gather(x, order) for x in draw(base, n, flip=flip))]
