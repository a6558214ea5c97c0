"""Averaged weights, which are evaluated and saved: they vary less than the trained weights."""

from collections.abc import Iterable

import keras
import tensorflow as tf


class AveragedWeights:
    """Exponential moving averages of a network's weights, in a second network.

    The decay of step n is `min(decay, (1 + n) / (10 + n))`, as in
    `tf.train.ExponentialMovingAverage`: the averages soon forget the initial weights.

    Args:
        network: takes the averages of the weights of `trained`; a copy of it.
    """

    def __init__(self, network: keras.Model, trained: keras.Model, decay: float):
        self.network, self.trained, self.decay = network, trained, decay
        self._forward = tf.function(lambda images: network(images, training=True))

    def update(self, step: tf.Tensor) -> None:
        """Adds the weights after `step` steps to the averages."""
        step = tf.cast(step, tf.float32)
        moves = 1 - tf.minimum(self.decay, (1 + step) / (10 + step))
        pairs = zip(self.network.trainable_variables, self.trained.trainable_variables, strict=True)
        for average, weight in pairs:
            average.value.assign_sub(moves * (average.value - weight.value))

    def renew_statistics(self, batches: Iterable[tf.Tensor]) -> None:
        """Recomputes the batch normalisation statistics from `batches` of training images. Those of
        the trained weights do not fit the averaged ones (Izmailov et al., 2018,
        https://arxiv.org/abs/1803.05407, section 3.2). They are only the starting point, so the
        result does not depend on earlier calls."""
        own, other = self.network.non_trainable_variables, self.trained.non_trainable_variables
        for average, statistic in zip(own, other, strict=True):
            average.assign(statistic)
        for images in batches:
            self._forward(images)
