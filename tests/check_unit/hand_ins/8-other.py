"""The same with projections, Keras' losses, and updates in place."""

import keras
import tensorflow as tf


def update(weight, velocity, gradient, rate, momentum, decay):
    new = velocity - (1 - momentum) * velocity + (decay * weight + gradient)
    return [weight + -rate * new, new]


def cross_entropy(logits, labels):
    logits = logits - tf.reduce_max(logits, -1, keepdims=True)
    wanted = tf.gather(logits, labels, batch_dims=1)
    return tf.reduce_mean(tf.reduce_logsumexp(logits, -1) - wanted)


def train_step(model, velocities, images, labels, rate, momentum, decay):
    variables = model.trainable_weights
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        fit = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
        squares = sum(keras.ops.sum(keras.ops.square(variable)) for variable in variables)
        loss = fit + decay / 2 * squares
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    for number, variable in enumerate(variables):
        velocities[number].assign(momentum * velocities[number] + gradients[number])
        variable.assign_sub(rate * velocities[number])
    return fit


class Unit(keras.layers.Layer):
    def __init__(self, filters, strides, shortcut, project):
        super().__init__()
        conv, norm = keras.layers.Conv2D, keras.layers.BatchNormalization
        self.branch = [
            conv(filters, 3, strides, padding="same"),
            norm(),
            keras.layers.ReLU(),
            conv(filters, 3, padding="same"),
            norm(),
        ]
        self.projection = [conv(filters, 1, strides), norm()] if project else []
        self.shortcut = shortcut

    def call(self, x, training=None):
        y = x
        for layer in self.branch:
            y = layer(y)
        for layer in self.projection:
            x = layer(x)
        return keras.ops.relu(x + y if self.shortcut else y)


def network(input_shape, depth, shortcuts):
    made = [
        keras.Input(input_shape),
        keras.layers.Conv2D(16, 3, padding="same"),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
    ]
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        made.append(Unit(filters, strides, shortcuts, shortcuts and strides == 2))
        made += [Unit(filters, 1, shortcuts, False) for _ in range((depth - 2) // 6 - 1)]
    return keras.Sequential([*made, keras.layers.GlobalAvgPool2D(), keras.layers.Dense(10)])
