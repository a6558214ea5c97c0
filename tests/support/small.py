"""Trainings that take a second: few images, and without TensorBoard's pages, which have tests of
their own."""

import functools

from tfresnet import models
from tfresnet.data import shapes10
from tfresnet.training import loop, testing
from tfresnet.training.hooks import Hook


def shrink_shapes10(patch, train: int = 360, test: int = 60) -> None:
    """Gives shapes10 fewer images."""
    patch.setattr(shapes10, "TRAIN", train)
    patch.setattr(shapes10, "TEST", test)
    patch.setattr(shapes10, "load", functools.cache(shapes10.load.__wrapped__))


class NoBoard(Hook):
    """In place of the hook that writes them."""

    def __init__(self, *_):
        pass

    def is_due(self, step):
        return False

    def flush(self):
        pass


def leave_pages_out(patch) -> None:
    patch.setattr(loop, "TensorBoard", NoBoard)
    patch.setattr(testing, "write_test", lambda *_: None)


def without_times(result: dict) -> dict:
    """The result of a run without what no two runs have in common."""
    times = ("epoch_seconds", "seconds_to", "other_work", "files", "sha256")
    return {k: v for k, v in result.items() if k not in times}


def shrink_networks(patch) -> None:
    """Gives every network two layers, whatever it is called."""
    patch.setattr(models, "create_model", small_network)


def small_network(name, num_classes, input_shape, preprocessing, dtype):
    """In place of `create_model`: everything that has a state, and compiled in no time."""
    import keras

    layers = keras.layers
    inputs = keras.Input(input_shape)
    x = layers.Conv2D(4, 3, strides=2, activation="relu", dtype=dtype, name="conv")(
        preprocessing(inputs)
    )
    x = layers.BatchNormalization(dtype=dtype, name="bn")(x)
    x = layers.Dropout(0.2, dtype=dtype)(layers.GlobalAveragePooling2D(dtype=dtype)(x))
    outputs = layers.Dense(num_classes, dtype="float32", name="predictions")(x)
    return keras.Model(inputs, outputs, name=name)
