"""What the validation's answers show: confusion, confident mistakes, curves, activations."""

import keras
import numpy as np
import tensorflow as tf

from tfresnet.data.dataset import Dataset, Split
from tfresnet.training.tensorboard import pictures
from tfresnet.training.tensorboard.figures import matrix
from tfresnet.training.tensorboard.pr_curves import write_pr_curves
from tfresnet.training.tensorboard.schedule import MOST_CLASSES
from tfresnet.training.tensorboard.text import confusion_table


class ValidationPages:
    """Writes pages from `model.predictions`, which the validation itself has filled."""

    def __init__(self, model, images: Split, dataset: Dataset):
        self.model = model
        self.images = images
        self.dataset = dataset
        self._network = keras.Model(model.inputs, model.outputs[0])

    def write(self, step: int, all_pages: bool) -> None:
        """Writes with the current writer: the confusion matrix, and the others if `all_pages`."""
        logits = self.model.predictions.read()
        if logits is None:
            return
        names = self.dataset.class_names
        self._write_confusion(logits, names)
        if all_pages:
            probabilities = softmax(logits)
            write_pr_curves(probabilities, self.images.labels, names, step)
            worst = pictures.mistakes(probabilities, self.images, names)
            if worst is not None:
                tf.summary.image("mistakes", worst[None])
            maps = pictures.activation_maps(self._network, self.images.images[0], self.dataset)
            tf.summary.image("activations", maps[None])

    def _write_confusion(self, logits, names):
        if len(names) > MOST_CLASSES:
            return
        counts = np.zeros((len(names), len(names)), int)
        np.add.at(counts, (self.images.labels, logits.argmax(axis=1)), 1)
        tf.summary.image("confusion_matrix", matrix(counts, names)[None])
        tf.summary.text("confusion_table", confusion_table(counts, names))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits `(n, classes)`."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
