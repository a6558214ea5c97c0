"""The same with the stride in the 3x3, one loop, and a layer that is a model."""

import keras


def bottleneck_unit(x, filters, strides):
    inputs = keras.Input(x.shape[1:])
    y = inputs
    for kernel, step, width in ((1, 1, filters), (3, strides, filters), (1, 1, 4 * filters)):
        if y is not inputs:
            y = keras.layers.Activation("relu")(y)
        y = keras.layers.Conv2D(width, kernel, step, "same")(y)
        y = keras.layers.BatchNormalization(momentum=0.9)(y)
    skipped = inputs
    if inputs.shape != y.shape:
        skipped = keras.layers.Conv2D(4 * filters, 1, strides)(inputs)
        skipped = keras.layers.BatchNormalization(momentum=0.9)(skipped)
    return keras.Model(inputs, keras.layers.Activation("relu")(y + skipped))


def bottleneck_weights(channels):
    return 17 * channels**2 // 16
