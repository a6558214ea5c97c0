"""The same with the shortcut first, a helper, and an array that is filled."""

import keras
import numpy as np


def _convolve(x, filters, kernel, strides):
    made = keras.layers.Conv2D(filters, kernel, strides, "same", kernel_initializer="he_normal")(x)
    return keras.layers.BatchNormalization(epsilon=1e-5)(made)


def projection_unit(x, filters, strides):
    fits = x.shape[-1] == filters and strides == 1
    skipped = x if fits else _convolve(x, filters, 1, strides)
    x = keras.activations.relu(_convolve(x, filters, 3, strides))
    x = _convolve(x, filters, 3, 1)
    return keras.activations.relu(skipped + x)


def zero_pad(x, filters, strides):
    batch, height, width, channels = x.shape
    made = np.zeros((batch, -(-height // strides), -(-width // strides), filters))
    for i in range(made.shape[1]):
        for j in range(made.shape[2]):
            made[:, i, j, :channels] = x[:, i * strides, j * strides]
    return made
