"""Averaged weights: what is evaluated and saved wavers less than what is trained."""

from collections.abc import Iterable

import keras
import tensorflow as tf


class AveragedWeights:
    """Exponential moving averages of a network's weights, in a network of their own.

    After n steps an average keeps `min(decay, (1 + n) / (10 + n))` of itself in each, so that it
    soon forgets the initial weights (as `tf.train.ExponentialMovingAverage` has it).

    Args:
        network: takes the averages; the same network as `trained`, with the same weights.
        trained: the network whose weights are averaged.
        decay: share that stays in each step, below 1.
    """

    def __init__(self, network: keras.Model, trained: keras.Model, decay: float):
        self.network, self.trained, self.decay = network, trained, decay
        self._forward = tf.function(lambda images: network(images, training=True))

    def update(self, step: tf.Tensor) -> None:
        """After so many steps, the one just done included."""
        step = tf.cast(step, tf.float32)
        moves = 1 - tf.minimum(self.decay, (1 + step) / (10 + step))
        pairs = zip(self.network.trainable_variables, self.trained.trainable_variables, strict=True)
        for average, weight in pairs:
            average.value.assign_sub(moves * (average.value - weight.value))

    def renew_statistics(self, batches: Iterable[tf.Tensor]) -> None:
        """Lets batch normalisation see `batches` of training images with the averaged weights.

        The statistics of the trained weights do not fit them (Izmailov et al., 2018,
        https://arxiv.org/abs/1803.05407, section 3.2). They are where this begins, so that
        the outcome depends on nothing else.
        """
        own, other = self.network.non_trainable_variables, self.trained.non_trainable_variables
        for average, statistic in zip(own, other, strict=True):
            average.assign(statistic)
        for images in batches:
            self._forward(images)
