"""Metrics of classification: loss, top-1, top-5, accuracy by class, confusion matrix."""

import numpy as np
import tensorflow as tf

METRICS = ("loss", "top1", "top5")  # the columns of a history and the charts by epoch


def metrics(logits: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]) -> dict:
    """Metrics of logits `(n, classes)` against class numbers `(n,)`; see `Evaluation`. An answer
    with a NaN is wrong and is not counted in the confusion matrix."""
    n, classes = logits.shape
    rank = ranks(tf.constant(logits), tf.constant(labels)).numpy()
    exact = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinite logits make the loss NaN
        shifted = exact - exact.max(axis=1, keepdims=True)
        log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    answered = ~np.isnan(logits).any(axis=1)
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (labels[answered], logits[answered].argmax(axis=1)), 1)
    totals = np.bincount(labels, minlength=classes)
    per_class = confusion.diagonal() / np.maximum(totals, 1)
    return {
        "n": n,
        "loss": float(-log_probabilities[np.arange(n), labels].mean()),
        "top1": float((rank < 1).mean()),
        "top5": float((rank < 5).mean()),
        "mean_per_class": float(per_class[totals > 0].mean()),
        "per_class": dict(zip(class_names, per_class.tolist(), strict=True)),
        "confusion": confusion.tolist(),
    }


def ranks(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """How many classes rank before the true one, int32 `(n,)`; 0 is a right answer. Of equal logits
    the lower class number ranks first, as in argmax. In an answer with a NaN every class ranks
    before the true one."""
    classes = logits.shape[-1]
    true = tf.gather(logits, labels, batch_dims=1)[:, None]
    is_lower = tf.range(classes)[None, :] < tf.cast(labels, tf.int32)[:, None]
    before = (logits > true) | ((logits == true) & is_lower)
    rank = tf.math.count_nonzero(before, axis=-1, dtype=tf.int32)
    return tf.where(tf.reduce_any(tf.math.is_nan(logits), axis=-1), classes, rank)
