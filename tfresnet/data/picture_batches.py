"""Batches of pictures in files, read by Python threads while the network trains.

`tf.data` could call Python too, but would wrap its errors and could hang at exit.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfresnet.data.ahead import map_ahead
from tfresnet.data.dataset import Split


@dataclass(frozen=True)
class PictureBatches:
    """(images as `dtype`, labels) from `make(*request)`. Every iteration starts anew."""

    requests: Callable[[], Iterable[tuple]]
    make: Callable[..., tuple[np.ndarray, np.ndarray]]
    dtype: tf.DType

    def __iter__(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        for images, labels in map_ahead(self.make, self.requests()):
            yield tf.cast(images, self.dtype), tf.constant(labels)


Batches = tf.data.Dataset | PictureBatches


def train_batches(
    split: Split,
    plan: Callable[[tf.Tensor], list[tf.Tensor]],
    start_epoch: int,
    side: int,
    crop: bool,
) -> PictureBatches:
    """The stream of `pipeline.train_batches`: float32 (batch, side, side, 3) and labels.

    plan: epoch -> (indices, numbers for `random_box`, mirrored), with a row for each batch.
    """
    pictures = split.images.with_side(side)

    def requests():
        for epoch in itertools.count(start_epoch):
            yield from zip(*(x.numpy() for x in plan(tf.constant(epoch, tf.int64))), strict=True)

    def make(indices, numbers, mirrored):
        images = pictures.crops(indices, numbers) if crop else pictures[indices]
        images[mirrored] = images[mirrored, :, ::-1]
        return images, split.labels[indices]

    return PictureBatches(requests, make, tf.float32)


def eval_batches(split: Split, bounds: list[tuple[int, int]]) -> PictureBatches:
    """A batch for each (first, end): uint8 (batch, side, side, 3) and labels."""

    def make(first, end):
        return split.images[first:end], split.labels[first:end]

    return PictureBatches(lambda: bounds, make, tf.uint8)
