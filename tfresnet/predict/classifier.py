"""A trained network together with all that pictures need to get in and classes to get out."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.runs.source import Source

BATCH = 64
IMAGENET = 224


class Classifier:
    """model: the network; it takes pixels, 0 to 255.

    class_names: in the order of its outputs; "0", "1" ... where they are not known.
    """

    def __init__(self, model: keras.Model):
        preprocessing = models.preprocessing_of(model)
        classes = models.without_auxiliary(model).output_shape[-1]
        self.model = model
        self.class_names = (preprocessing and preprocessing.class_names) or tuple(
            str(number) for number in range(classes)
        )
        self._softmax = models.gives_probabilities(model)
        self._copy = models.inference_copy(model)

    @property
    def image_size(self) -> int:
        """Side of the square pictures that the network takes; 224 where it takes any.

        Raises:
            InputError: it takes others.
        """
        height, width = self.model.input_shape[1:3]
        if height != width:
            raise InputError(f"a model must take square pictures. Received: {height}x{width}")
        return height or IMAGENET

    def probabilities(self, pictures: np.ndarray) -> np.ndarray:
        """`(n, classes)` of uint8 `(n, height, width, 3)`, float32.

        Raises:
            InputError: pictures of another type or shape.
        """
        pictures = np.asarray(pictures)
        size = self.model.input_shape[1:3]
        fits = pictures.ndim == 4 and pictures.shape[-1] == 3
        if (
            pictures.dtype != np.uint8
            or not fits
            or any(
                side not in (None, given)
                for side, given in zip(size, pictures.shape[1:3], strict=True)
            )
        ):
            raise InputError(
                f"pictures must be uint8 of shape (n, {size[0]}, {size[1]}, 3). "
                f"Received: {pictures.dtype} {pictures.shape}"
            )
        batches = [pictures[first : first + BATCH] for first in range(0, len(pictures), BATCH)]
        parts = [tf.cast(self._copy(batch, training=False), tf.float32) for batch in batches]
        parts = parts if self._softmax else [tf.nn.softmax(part) for part in parts]
        return np.concatenate([np.zeros((0, len(self.class_names)), np.float32), *parts])

    def predict(self, pictures: np.ndarray, top: int = 5) -> list[list[tuple[str, float]]]:
        """For each picture its `top` classes with their probabilities, the best one first."""
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
    """A trained network to predict with.

    Args:
        source: run folder, `.keras` file or shipped name; with `model` any file of weights.
        model: name of the network that the weights of `source` belong to.
        mean, std: how pixels are prepared, `R,G,B` in 0..1, where `source` does not say.
        image_size: side of the pictures, with `model`; None: the network's own.

    Raises:
        InputError: no such source, or one that does not say what it needs.
    """
    return Classifier(Source(source, model, mean, std).whole(image_size))
