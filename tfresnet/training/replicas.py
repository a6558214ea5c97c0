"""What the replicas of a step tell each other."""

from collections.abc import Sequence

import keras
import tensorflow as tf


def add_up(network, gradients: Sequence, scalars) -> tuple[list, object]:
    """The sums of `gradients` and `scalars` over all replicas; called in each of them.

    The moving averages of batch normalisation, which each replica has just moved by what it saw,
    become their mean, so that all replicas hold the same bits. All of it is one exchange.
    """
    moving = [
        variable
        for layer in network._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
        for variable in (layer.moving_mean, layer.moving_variance)
    ]
    context = tf.distribute.get_replica_context()
    shares = [tf.cast(variable, tf.float32) / context.num_replicas_in_sync for variable in moving]
    sums = context.all_reduce("SUM", [*gradients, scalars, *shares])
    count = len(gradients)
    for variable, mean in zip(moving, sums[count + 1 :], strict=True):
        variable.assign(mean)
    return sums[:count], sums[count]
