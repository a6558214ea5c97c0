"""The same as a subclass of Keras' model with layers of its own, a softmax and padding by hand."""

import keras
from keras import ops


class Unit(keras.layers.Layer):
    def __init__(self, filters, strides, project):
        super().__init__()
        pairs = [(3, strides), (3, 1)] + [(1, strides)] * project
        self.convolutions = [
            keras.layers.Conv2D(filters, kernel, step, "same") for kernel, step in pairs
        ]
        self.norms = [keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5) for _ in pairs]

    def step(self, number, x):
        return self.norms[number](self.convolutions[number](x))

    def call(self, x):
        y = self.step(1, ops.relu(self.step(0, x)))
        return ops.relu(y + (self.step(2, x) if len(self.norms) == 3 else x))


def resnet18(input_shape, num_classes):
    x = inputs = keras.layers.Input(shape=input_shape)
    x = keras.layers.ZeroPadding2D(3)(x)
    x = keras.layers.Conv2D(64, 7, 2, use_bias=False)(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Activation("relu")(x)
    x = keras.layers.ZeroPadding2D(1)(x)
    x = keras.layers.MaxPool2D(3, 2)(x)
    for stage in range(4):
        for number in range(2):
            fresh = stage > 0 and number == 0
            x = Unit(64 * 2**stage, 1 + fresh, fresh)(x)
    x = ops.mean(x, axis=(1, 2))
    return keras.Model(inputs, keras.layers.Dense(num_classes, activation="softmax")(x))


def stage_parameters(channels, filters, units):
    total, before = 0, channels
    for _ in range(units):
        for kernel, source in ((3, before), (3, filters), (1, before)):
            if kernel == 3 or before != filters:
                total += kernel**2 * source * filters + 2 * filters
        before = filters
    return total
