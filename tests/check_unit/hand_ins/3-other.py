"""The same as a layer with layers inside, other settings, activations as functions."""

import keras
from keras import ops


class Unit(keras.layers.Layer):
    def __init__(self, filters):
        super().__init__()
        self.convolutions = [keras.layers.Conv2D(filters, (3, 3), padding="SAME") for _ in "ab"]
        self.norms = [keras.layers.BatchNormalization(-1, 0.9, 1e-5) for _ in "ab"]

    def call(self, inputs, training=None):
        x = inputs
        for number in range(2):
            x = self.convolutions[number](x)
            x = self.norms[number](x, training=training)
            x = ops.maximum(x + number * inputs, 0)
        return x


def basic_unit(x, filters):
    return Unit(filters)


def basic_weights(channels):
    kernel = (3, 3, channels, channels)
    count = 1
    for side in kernel:
        count *= side
    return count + count
