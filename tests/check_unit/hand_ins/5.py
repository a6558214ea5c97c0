"""Exercise 5, solved."""

from keras import layers


def convolve(x, filters, kernel, strides=1):
    x = layers.Conv2D(filters, kernel, strides, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


def bottleneck_unit(x, filters, strides):
    y = layers.ReLU()(convolve(x, filters, 1, strides))
    y = layers.ReLU()(convolve(y, filters, 3))
    y = convolve(y, 4 * filters, 1)
    if strides != 1 or x.shape[-1] != 4 * filters:
        x = convolve(x, 4 * filters, 1, strides)
    return layers.ReLU()(layers.add([x, y]))


def bottleneck_weights(channels):
    narrow = channels // 4
    return channels * narrow + 3 * 3 * narrow * narrow + narrow * channels
