"""The end of a network that was written elsewhere: its answers as logits."""

import keras
import tensorflow as tf

_LEAST = 1e-30  # a probability of 0 in float32 would have an infinite logarithm


@keras.saving.register_keras_serializable(package="tfresnet")
class Logits(keras.layers.Layer):
    """Answers `(batch, classes)` as logits in float32, whatever the dtype policy.

    Args:
        probabilities: whether the answers are probabilities, whose logarithms are logits.
    """

    def __init__(self, probabilities: bool = False, name: str | None = "answers", **kwargs):
        super().__init__(name=name, **kwargs | {"dtype": "float32"})
        self.probabilities = probabilities

    def call(self, inputs):
        x = tf.cast(inputs, tf.float32)
        return tf.math.log(tf.maximum(x, _LEAST)) if self.probabilities else x

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"probabilities": self.probabilities}
