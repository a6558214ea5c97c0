"""What the validation's answers show: confusion, confident mistakes, curves, activations."""

import numpy as np
import tensorflow as tf

from tfresnet.evaluation import Evaluation
from tfresnet.training.run import Run
from tfresnet.training.tensorboard import pictures
from tfresnet.training.tensorboard.figures import MOST_CLASSES, matrix
from tfresnet.training.tensorboard.text import confusion_table
from tfresnet.training.tensorboard.writers import write_pr_curves


def write_validation(run: Run, evaluation: Evaluation, step: int, all_pages: bool) -> None:
    """Writes with the current writer: the confusion matrix, and the others if `all_pages`."""
    names, images = run.dataset.class_names, run.validation
    if len(names) <= MOST_CLASSES:
        counts = np.asarray(evaluation.metrics["confusion"])
        tf.summary.image("confusion_matrix", matrix(counts, names)[None])
        tf.summary.text("confusion_table", confusion_table(counts, names))
    if not all_pages:
        return
    write_pr_curves(evaluation, images.labels, names, step)
    worst = pictures.mistakes(evaluation.probabilities, images, names)
    if worst is not None:
        tf.summary.image("mistakes", worst[None])
    maps = pictures.activation_maps(run.model, images.images[0])
    tf.summary.image("activations", maps[None])
