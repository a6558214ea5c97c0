"""Batches of pictures in files, read by Python's threads while the training does a step.

`tf.data` could call Python too, but would wrap its errors and end badly with the process.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf

from tfresnet.data import ahead
from tfresnet.data.dataset import Split

Batches = Iterable[tuple[tf.Tensor, tf.Tensor]]


def planned(
    split: Split,
    plan: Callable[[tf.Tensor], tuple[tf.Tensor, ...]],
    start_epoch: int,
    side: int,
    augment: bool,
) -> Batches:
    """The endless stream of `train_batches`: float32 (batch, side, side, 3) and labels.

    plan: what an epoch does, as (order, random numbers of boxes, mirrored) by step.
    """
    pictures = split.images.with_side(side)

    def requests():
        for epoch in itertools.count(start_epoch):
            yield from zip(*(x.numpy() for x in plan(tf.constant(epoch, tf.int64))), strict=True)

    def make(indices, drawn, mirrored):
        images = pictures.crops(indices, drawn, mirrored) if augment else pictures[indices]
        return images, split.labels[indices]

    return _Batches(requests, make, tf.float32)


def in_order(split: Split, bounds: Iterable[tuple[int, int]]) -> Batches:
    """Batches of images from (first, end) on: uint8 (batch, side, side, 3), and labels."""
    requests = [(np.arange(first, end),) for first, end in bounds]
    return _Batches(
        lambda: requests, lambda some: (split.images[some], split.labels[some]), tf.uint8
    )


class _Batches:
    """What threads make of requests; every iteration begins with the first."""

    def __init__(self, requests: Callable[[], Iterable[tuple]], make: Callable, dtype: tf.DType):
        self._requests = requests
        self._make = make
        self._dtype = dtype

    def __iter__(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        for images, labels in ahead.in_order(self._make, self._requests()):
            yield tf.cast(images, self._dtype), tf.constant(labels)
