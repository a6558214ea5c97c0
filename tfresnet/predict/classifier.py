"""A trained network that takes pictures and returns classes."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfresnet import models
from tfresnet.data import picture_files
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
        if pictures.dtype != np.uint8 or not self._fits(pictures):
            size = self.model.input_shape[1:3]
            raise InputError(
                f"pictures must be uint8 of shape (n, {size[0]}, {size[1]}, 3). "
                f"Received: {pictures.dtype} {pictures.shape}"
            )
        batches = [pictures[first : first + BATCH] for first in range(0, len(pictures), BATCH)]
        parts = [tf.cast(self._copy(batch, training=False), tf.float32) for batch in batches]
        parts = parts if self._softmax else [tf.nn.softmax(part) for part in parts]
        return np.concatenate([np.zeros((0, len(self.class_names)), np.float32), *parts])

    def predict(self, pictures, top: int = 5) -> list:
        """The `top` classes with their probabilities, the most probable first: a list of (class,
        probability) for one picture, a list of such lists for several.

        Args:
            pictures: the path of a file, or uint8 `(height, width, 3)`; or several, as a list or
                as uint8 `(n, height, width, 3)`. Of another size than the network's, a picture is
                shown to it as the command does: scaled, without its border.

        Raises:
            InputError: a file that is no picture, or an array of another type or shape.
        """
        is_array = not isinstance(pictures, list | tuple)
        if is_array and np.ndim(pictures) != 4:
            return self.predict([pictures], top)[0]
        views = iter(pictures)
        if not (is_array and self._fits(pictures)):
            views = (seen_by(picture, self.image_size) for picture in pictures)
        answers: list = []
        while batch := list(itertools.islice(views, BATCH)):
            answers += [self.best(one, top) for one in self.probabilities(np.stack(batch))]
        return answers

    def _fits(self, pictures):
        size = self.model.input_shape[1:3]
        return tf.TensorShape((None, *size, 3)).is_compatible_with(np.shape(pictures))

    def best(self, probabilities: Sequence[float], top: int = 5) -> list[tuple[str, float]]:
        order = np.argsort(-np.asarray(probabilities), kind="stable")[:top]
        return [(self.class_names[index], float(probabilities[index])) for index in order]


def seen_by(picture: str | os.PathLike | np.ndarray, side: int) -> np.ndarray:
    """A picture, a file or uint8 `(height, width, 3)`, as a network of that side is shown it."""
    if isinstance(picture, str | os.PathLike):
        return picture_files.seen(picture, side)
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[-1] != 3 or not picture.size:
        raise InputError(
            "a picture must be a file, or uint8 of shape (height, width, 3). "
            f"Received: {picture.dtype} {picture.shape}"
        )
    return picture_files.seen_of_array(picture, side)


def load(
    source: str | Path,
    *,
    model: object = None,
    mean: str | None = None,
    std: str | None = None,
    pixels: str | None = None,
    stem: str | None = None,
    shortcut: str | None = None,
    image_size: int | None = None,
    trust_code: bool = False,
) -> Classifier:
    """Loads a trained network.

    Args:
        source: run folder, `.keras` file or shipped name; with `model`, any file of weights.
        model: name of the network that the weights belong to; or the code that defines the layers
            of `source`: `FILE.py:NAME`, a class or a function.
        mean, std, pixels, stem, shortcut: see `Source`.
        image_size: side of the pictures, with `model`; None: the network's own.
        trust_code: run the code of its own network that a run folder holds.

    Raises:
        InputError: no such source, or one that needs `model`, `mean` or `std`.
    """
    options = {"stem": stem, "shortcut": shortcut}
    found = Source(source, model, mean, std, pixels, trust_code, **options)
    return Classifier(found.pixel_model(image_size))
