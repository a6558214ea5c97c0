"""Exercise 4, solved."""

import numpy as np
from keras import layers


def projection_unit(x, filters, strides):
    y = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization()(y)
    y = layers.ReLU()(y)
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    if strides != 1 or x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1, strides, use_bias=False)(x)
        x = layers.BatchNormalization()(x)
    return layers.ReLU()(layers.add([x, y]))


def zero_pad(x, filters, strides):
    missing = filters - x.shape[-1]
    return np.pad(x[:, ::strides, ::strides], ((0, 0), (0, 0), (0, 0), (0, missing)))
