"""Steps that all Keras models share, and the rate of TensorFlow's own matrix product."""

import contextlib
import io
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from benchmarks.contestants import CLASSES, EVAL_BATCH, IMAGE, Assignment, Step
from tfresnet.data import Split
from tfresnet.param_count.reports import measure

_SIZE = 4096


def images(n: int, side: int = IMAGE[0]) -> Split:
    """Noise, with the classes in turn."""
    pixels = np.random.default_rng(0).integers(0, 256, (n, side, side, 3), np.uint8)
    return Split(pixels, np.arange(n, dtype=np.int32) % CLASSES)


def inference(model: keras.Model) -> Step:
    batch = tf.constant(images(EVAL_BATCH).images, tf.float32)
    forward = tf.function(lambda: model(batch, training=False))
    return lambda: forward().numpy(), EVAL_BATCH


class _Done(Exception):  # noqa: N818  no error
    pass


def start_up(train: Callable[[list], object]) -> Step:
    """Everything up to the end of the first step of `train(callbacks)`."""

    def end(batch, logs=None):
        raise _Done

    def start():
        with contextlib.suppress(_Done), contextlib.redirect_stdout(io.StringIO()):
            train([keras.callbacks.LambdaCallback(on_train_batch_end=end)])

    return start, 1


def matrix_product(what: Assignment) -> Step:
    """One large matrix product, counted as the images whose training has as many operations."""
    dtype = "bfloat16" if what.precision == "mixed_bfloat16" else "float32"
    a = tf.cast(tf.random.stateless_normal((_SIZE, _SIZE), (1, 2)), dtype)
    # The forward pass and each of the two gradients cost the same.
    an_image = 3 * measure(what.model, IMAGE[0], CLASSES).complexity.multiply_adds
    return lambda: tf.matmul(a, a).numpy(), _SIZE**3 / an_image
