"""From pixels to what a network was trained on, as its first layer."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfresnet.errors import InputError


@keras.saving.register_keras_serializable(package="tfresnet")
class Preprocessing(keras.layers.Layer):
    """`(pixels / 255 - mean) / std`, by channel, and the names of the classes behind the logits.

    A model that starts with it takes pictures as they are, and its file says what it can tell
    apart. It has no weights.

    Args:
        mean, std: of each channel, in the range 0..1; every `std` above 0.
        class_names: in the order of the logits; () where they are not known.

    Shapes: `(batch, height, width, channels)` in 0..255, uint8 or floating, to the same in float32
    under every dtype policy.

    Raises:
        InputError: other lengths, a `std` that is not above 0, or other channels.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        class_names: Sequence[str] = (),
        name: str | None = "preprocessing",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs | {"dtype": "float32"})
        self.mean = tuple(float(x) for x in mean)
        self.std = tuple(float(x) for x in std)
        self.class_names = tuple(class_names)
        if not self.mean or len(self.mean) != len(self.std):
            raise InputError(
                f"mean and std must have a number for each channel. Received: {mean}, {std}"
            )
        if not (min(self.std) > 0 and np.isfinite([*self.mean, *self.std]).all()):
            raise InputError(
                f"mean and std must be finite and std above 0. Received: {mean}, {std}"
            )

    def build(self, input_shape):
        if input_shape[-1] != len(self.mean):
            raise InputError(
                f"images must have {len(self.mean)} channels, as mean and std have. "
                f"Received: {input_shape[-1]}"
            )

    def call(self, inputs):
        shape = inputs.shape[1:]
        scale = 1 / (255 * np.asarray(self.std))
        offset = -np.asarray(self.mean) / np.asarray(self.std)
        x = tf.cast(inputs, tf.float32)
        if None in shape:
            return x * scale.astype(np.float32) + offset.astype(np.float32)
        # Image by image as one long row: broadcasting over an axis of 3 takes five times as long.
        pixels = shape.num_elements() // len(self.mean)
        x = tf.reshape(x, (-1, shape.num_elements()))
        x = x * np.tile(scale, pixels).astype(np.float32)
        x = x + np.tile(offset, pixels).astype(np.float32)
        return tf.reshape(x, (-1, *shape))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {
            "mean": self.mean,
            "std": self.std,
            "class_names": self.class_names,
        }
