"""A trained network that takes pictures and returns classes."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.runs.source import Source

BATCH = 64


class Classifier:
    """A network and the names of its classes.

    Attributes:
        model: the network, which takes pixels from 0 to 255.
        class_names: in the order of the outputs; "0", "1" ... if the model does not name them.
    """

    def __init__(self, model: keras.Model):
        preprocessing = models.preprocessing_of(model)
        classes = models.without_auxiliary(model).output_shape[-1]
        self.model = model
        names = preprocessing and preprocessing.class_names
        self.class_names = names or tuple(map(str, range(classes)))
        self._softmax = models.gives_probabilities(model)
        self._copy = models.inference_copy(model)

    @property
    def image_size(self) -> int:
        """See `models.picture_side`."""
        return models.picture_side(self.model)

    def probabilities(self, pictures: np.ndarray) -> np.ndarray:
        """Probabilities, float32 `(n, classes)`, of pictures, uint8 `(n, height, width, 3)`.

        Raises:
            InputError: pictures of another type or shape.
        """
        pictures = np.asarray(pictures)
        size = self.model.input_shape[1:3]
        shape = tf.TensorShape((None, *size, 3))
        if pictures.dtype != np.uint8 or not shape.is_compatible_with(pictures.shape):
            raise InputError(
                f"pictures must be uint8 of shape (n, {size[0]}, {size[1]}, 3). "
                f"Received: {pictures.dtype} {pictures.shape}"
            )
        batches = [pictures[first : first + BATCH] for first in range(0, len(pictures), BATCH)]
        parts = [tf.cast(self._copy(batch, training=False), tf.float32) for batch in batches]
        parts = parts if self._softmax else [tf.nn.softmax(part) for part in parts]
        return np.concatenate([np.zeros((0, len(self.class_names)), np.float32), *parts])

    def predict(self, pictures: np.ndarray, top: int = 5) -> list[list[tuple[str, float]]]:
        """The `top` classes of each picture with their probabilities, the most probable first."""
        return [self.best(one, top) for one in self.probabilities(pictures)]

    def best(self, probabilities: Sequence[float], top: int = 5) -> list[tuple[str, float]]:
        order = np.argsort(-np.asarray(probabilities), kind="stable")[:top]
        return [(self.class_names[index], float(probabilities[index])) for index in order]


def load(
    source: str | Path,
    *,
    model: str | None = None,
    mean: str | None = None,
    std: str | None = None,
    image_size: int | None = None,
) -> Classifier:
    """Loads a trained network.

    Args:
        source: run folder, `.keras` file or shipped name; with `model`, any file of weights.
        model: name of the network that the weights belong to.
        mean, std: normalisation of the pixels, `R,G,B` in 0..1, if `source` does not store it.
        image_size: side of the pictures, with `model`; None: the network's own.

    Raises:
        InputError: no such source, or one that needs `model`, `mean` or `std`.
    """
    return Classifier(Source(source, model, mean, std).pixel_model(image_size))
