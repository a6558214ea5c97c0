"""Pages about a model's answers: metrics, confusion, mistakes, curves; and the test's pages."""

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api_pb2, summary
from tensorboard.plugins.pr_curve import summary as pr_curve

from tfresnet.evaluation.evaluator import Evaluation
from tfresnet.evaluation.metrics import METRICS
from tfresnet.evaluation.text import confusion_table
from tfresnet.runs.events import remove_events
from tfresnet.training.run import Run
from tfresnet.training.tensorboard import images
from tfresnet.training.tensorboard.images import MOST_CLASSES
from tfresnet.training.tensorboard.projector import IMAGES, penultimate_features, write_projector
from tfresnet.training.tensorboard.settings import write_hparams

_FINAL = {"loss": "train_loss", "top1": "train_top1"}
_FINAL |= {"val_loss": "validation_loss", "val_top1": "validation_top1"}


def write_metrics(metrics: dict) -> None:
    """Writes the charts by epoch with the current writer."""
    for name in METRICS:
        tf.summary.scalar(name, metrics[name])
    tf.summary.scalar("error", 100 * (1 - metrics["top1"]), description="100 - top-1, %")


def write_validation(run: Run, evaluation: Evaluation, all_pages: bool) -> None:
    """Writes metrics and confusion matrix, or `all_pages`, with the current writer."""
    names, split = run.material.dataset.class_names, run.material.validation
    write_metrics(evaluation.metrics)
    if len(names) <= MOST_CLASSES:
        counts = np.asarray(evaluation.metrics["confusion"])
        tf.summary.image("confusion_matrix", images.matrix(counts, names)[None])
        # As code: a table of Markdown breaks the names of its columns.
        table = "\n".join(["```", *confusion_table(evaluation.metrics), "```"])
        tf.summary.text("confusion_table", table)
    if not all_pages:
        return
    _write_pr_curves(evaluation, split.labels, names)
    if (worst := images.mistakes(evaluation.probabilities, split, names)) is not None:
        tf.summary.image("mistakes", worst[None])
    maps = images.activation_maps(run.learner.model, split.images[0])
    tf.summary.image("activations", maps[None])


def write_test(run: Run, evaluation: Evaluation) -> None:
    """Replaces the content of `test/`: result, settings, curves and projector."""
    row, test, names = run.history[-1], run.material.dataset.test, run.material.dataset.class_names
    remove_events(run.folder.test)
    writer = tf.summary.create_file_writer(str(run.folder.test))
    with writer.as_default(step=row["step"]):
        write_hparams(run)
        write_metrics(evaluation.metrics)
        for name, shown in _FINAL.items():
            if name in row:
                tf.summary.scalar(f"final/{shown}", row[name], description="after the last epoch")
        _write_pr_curves(evaluation, test.labels, names)
        end = summary.session_end_pb(api_pb2.STATUS_SUCCESS)
        tf.summary.experimental.write_raw_pb(end.SerializeToString())
    writer.close()
    shown = test.take(np.arange(min(IMAGES, len(test))))
    answers = evaluation.logits[: len(shown)].argmax(axis=1)
    features = penultimate_features(run.learner.model, shown)
    write_projector(run.folder, features, answers, shown, names)


def _write_pr_curves(evaluation, labels, names):
    """Writes precision against recall for each class against all others."""
    if len(names) > MOST_CLASSES:
        return
    for number, (name, scores) in enumerate(zip(names, evaluation.probabilities.T, strict=True)):
        curve = pr_curve.pb(f"classes/{name}", labels == number, scores, num_thresholds=101)
        tf.summary.experimental.write_raw_pb(curve.SerializeToString())
