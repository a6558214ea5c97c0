"""From arrays to batches: a `tf.data` stream that can be continued at any step."""

from collections.abc import Sequence

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
    mean: Sequence[float],
    std: Sequence[float],
    flip: bool,
    augment: bool = True,
    start_epoch: int = 0,
    start_step: int = 0,
) -> tf.data.Dataset:
    """An endless stream of shuffled, augmented and normalised batches.

    Yields (images, labels): float32 (batch_size, height, width, 3) and int32 (batch_size,). Each
    epoch has `steps_per_epoch` full batches, drops another random rest, and mirrors images only if
    `flip`; without `augment` they are left as they are. Order and augmentation are functions of
    (seed, epoch, index), so the stream from (start_epoch, start_step) is, bit for bit, the tail of
    the one from (0, 0). Raises `InputError` for a batch size or a start outside the data.
    """
    steps = steps_per_epoch(len(split), batch_size)
    if start_epoch < 0 or not 0 <= start_step <= steps:
        raise InputError(
            f"a stream must start at epoch 0 or later and a step from 0 to {steps}. "
            f"Received: epoch {start_epoch}, step {start_step}"
        )
    images, labels = _on_host(split)

    def epoch_of_indices(epoch: tf.Tensor) -> tf.data.Dataset:
        plan = _plan(seed, epoch, len(split), flip=flip, augment=augment)
        skip = tf.where(epoch == start_epoch, tf.constant(start_step, tf.int64), 0)
        batched = [
            tf.reshape(x[: steps * batch_size], (steps, batch_size, *x.shape[1:])) for x in plan
        ]
        return tf.data.Dataset.from_tensor_slices(tuple(x[skip:] for x in batched))

    def batch(indices: tf.Tensor, shift: tf.Tensor, mirrored: tf.Tensor):
        crops = crop_and_flip(images, indices, shift, mirrored)
        return normalise(crops, mean, std), tf.gather(labels, indices)

    epochs = tf.data.Dataset.range(start_epoch, FOREVER)
    return _run_ahead(epochs.flat_map(epoch_of_indices).map(batch))


def eval_batches(
    split: Split, *, batch_size: int, mean: Sequence[float], std: Sequence[float]
) -> tf.data.Dataset:
    """All images once, in order: (float32 (batch, height, width, 3), int32 (batch,)).

    The last batch holds the rest. Raises `InputError` for a batch size under 1.
    """
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1. Received: {batch_size}")
    images, labels = _on_host(split)

    def batch(indices: tf.Tensor):
        return normalise(tf.gather(images, indices), mean, std), tf.gather(labels, indices)

    return _run_ahead(tf.data.Dataset.range(len(split)).batch(batch_size).map(batch))


def _run_ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    # There is nothing to tune here, and the tuner's thread can make the end of a stream wait for
    # up to a minute until it notices (seen with TensorFlow 2.21, in the destructor of iterators).
    options.autotune.enabled = False
    return batches.prefetch(PREFETCH).with_options(options)


def normalise(images: tf.Tensor, mean: Sequence[float], std: Sequence[float]) -> tf.Tensor:
    """(images / 255 - mean) / std, float32, for images (batch, height, width, 3) in 0..255."""
    shape = images.shape[1:]
    scale = 1 / (255 * np.asarray(std))
    offset = -np.asarray(mean) / np.asarray(std)
    # Image by image as one long row: broadcasting over an axis of 3 takes five times as long.
    rows = tf.reshape(tf.cast(images, tf.float32), (-1, shape.num_elements()))
    pixels = shape.num_elements() // 3
    rows = rows * np.tile(scale, pixels).astype(np.float32)
    rows = rows + np.tile(offset, pixels).astype(np.float32)
    return tf.reshape(rows, (-1, *shape))


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
