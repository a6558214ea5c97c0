"""A step that fails is explained by its cause, in one line."""

import keras
import pytest
import tensorflow as tf

import tfresnet
from tfresnet.training.endings import cause


def failing(function, number):
    """The error of a function inside a graph, as a training step has it."""
    with pytest.raises(tf.errors.OpError) as caught:
        tf.function(function)(tf.constant(number))
    return caught.value


def test_the_cause_of_a_failed_check():
    def check(x):
        with tf.control_dependencies([tf.debugging.assert_less(x, 3, "too much of it")]):
            return x + 1

    assert cause(failing(check, 5)).startswith("assertion failed: [too much of it]")


def test_the_cause_of_a_wrong_index():
    error = failing(lambda x: tf.gather(tf.constant([1, 2]), x), 6)
    assert cause(error).startswith("indices = 6 is not in [0, 2)")


def test_the_cause_of_a_missing_file():
    with pytest.raises(tf.errors.NotFoundError) as caught:
        list(tf.data.TFRecordDataset("/missing"))
    assert cause(caught.value) == "/missing; No such file or directory"


def test_a_full_disk_is_not_called_memory():
    with (
        pytest.raises(tf.errors.ResourceExhaustedError) as caught,
        tf.io.TFRecordWriter("/dev/full") as file,
    ):
        file.write(b"event")
    assert cause(caught.value) == "/dev/full; No space left on device"


@pytest.mark.slow
def test_running_out_of_memory_is_called_so():
    assert cause(MemoryError()) == "out of memory: MemoryError"
    error = failing(lambda n: tf.zeros([n, 2**20]), 2**24)
    assert cause(error).startswith("out of memory: OOM when allocating tensor")


def test_an_error_of_a_callback_passes_as_it_is(tiny):
    class Wrong(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyError("a mistake of the caller")

    with pytest.raises(KeyError, match="a mistake of the caller"):
        tfresnet.train(tiny(), callbacks=[Wrong()])


@pytest.mark.slow
def test_deterministic_operations_train_too(settings_with_pages):
    """With all that is measured and drawn. TensorFlow has no public way back."""
    from tensorflow.python.framework import config

    config.enable_op_determinism()
    try:
        run = tfresnet.train(tfresnet.TrainConfig(**settings_with_pages, histograms=1))
    finally:
        config.disable_op_determinism()
    assert len(run.history) == settings_with_pages["epochs"]
