"""The exchange between the replicas of a step."""

from collections.abc import Sequence

import keras
import tensorflow as tf


def add_up(network, gradients: Sequence, scalars) -> tuple[list, object]:
    """Sums `gradients` and `scalars` over all replicas, in one exchange; called in each of them.
    Each replica has updated the moving averages of batch normalisation with its own images. They
    become the mean over the replicas, so that all hold the same bits."""
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
