"""Keras' pooling layers by name."""

import keras

POOLS = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}


def pool2d(kind: str, size: int, strides: int, **options) -> keras.layers.Layer:
    """Pooling ("max" or "average") over `size` x `size` pixels, always channels last."""
    return POOLS[kind](size, strides, data_format="channels_last", **options)
