"""The first layer of a trained model: from pixels to normalised images."""

import logging
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfresnet.errors import InputError

_NORMALISED = 4  # no deviation of a normalised colour is larger; hardly a pixel is as dark
_LOOKED_AT = 64  # images of a batch
logger = logging.getLogger("tfresnet")


@keras.saving.register_keras_serializable(package="tfresnet")
class Preprocessing(keras.layers.Layer):
    """`(pixels / 255 - mean) / std` by channel, and the class names of the logits.

    It lets a model take pictures as they are, and lets its file name the classes. No weights.

    Args:
        mean, std: one number per channel, in the range 0..1; every `std` above 0.
        class_names: strings in the order of the logits; () if unknown.

    Shapes: `(batch, height, width, channels)` in 0..255, uint8 or floating, to the same shape in
    float32 under every dtype policy.

    Raises:
        InputError: different lengths, a `std` that is not above 0, or a wrong number of channels.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        class_names: Sequence[str] = (),
        name: str = "preprocessing",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs | {"dtype": "float32"})
        self.mean = tuple(float(x) for x in mean)
        self.std = tuple(float(x) for x in std)
        self.class_names = tuple(class_names)
        self._has_warned = False
        received = f"Received: {mean}, {std}"
        if not self.mean or len(self.mean) != len(self.std):
            raise InputError(f"mean and std must have a number for each channel. {received}")
        if not (min(self.std) > 0 and np.isfinite([*self.mean, *self.std]).all()):
            raise InputError(f"mean and std must be finite and std above 0. {received}")

    def build(self, input_shape):
        if input_shape[-1] != len(self.mean):
            raise InputError(
                f"images must have {len(self.mean)} channels, as mean and std have. "
                f"Received: {input_shape[-1]}"
            )

    def call(self, inputs):
        if tf.executing_eagerly():
            self.warn_if_normalised(inputs)
        shape = inputs.shape[1:]
        scale = 1 / (255 * np.asarray(self.std))
        offset = -np.asarray(self.mean) / np.asarray(self.std)
        x = tf.cast(inputs, tf.float32)
        if None in shape:
            return x * scale.astype(np.float32) + offset.astype(np.float32)
        # Each image as one long row: broadcasting over an axis of 3 takes five times as long.
        pixels = shape.num_elements() // len(self.mean)
        x = tf.reshape(x, (-1, shape.num_elements()))
        x = x * np.tile(scale, pixels).astype(np.float32)
        x = x + np.tile(offset, pixels).astype(np.float32)
        return tf.reshape(x, (-1, *shape))

    def warn_if_normalised(self, images) -> None:
        """Warns, once, if a batch of floats looks normalised already.

        It needs values, so a graph cannot do it: printing there prevents XLA and TFLite.
        """
        is_floating = "float" in str(getattr(images, "dtype", ""))
        if self._has_warned or not is_floating or len(images.shape) != 4:
            return
        some = np.abs(np.asarray(images[:_LOOKED_AT], np.float32))
        if some.any() and np.mean(some <= _NORMALISED) > 0.9:
            self._has_warned = True
            logger.warning(
                "this network normalises pixels of 0 to 255 itself, but these images look "
                "normalised: at least 90 %% of their values are within -%d and %d",
                *(_NORMALISED, _NORMALISED),
            )

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"mean": self.mean, "std": self.std, "class_names": self.class_names}
        return super().get_config() | own
