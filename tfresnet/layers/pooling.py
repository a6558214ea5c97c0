"""Keras' poolings by name, channels last whatever Keras' own setting."""

import keras

POOLS = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}


def pool2d(kind: str, size: int, strides: int, **options) -> keras.layers.Layer:
    """The pooling `kind`, "max" or "average", over `size` x `size` pixels."""
    return POOLS[kind](size, strides, data_format="channels_last", **options)
