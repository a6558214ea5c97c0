"""What is measured inside the training and the validation step.

Nothing here changes a number of the training: a probe reads tensors that the step computes anyway
and puts them into variables of its own, which no checkpoint holds.
"""

import tensorflow as tf


class StepProbe:
    """Reads along in the training step. Attach it before the step is traced: see `attach`.

    Variables, written by the step:
        arrived: when the batch was there, in seconds since 1970 (stays 0 under XLA).
        losses: (data, auxiliary) loss of the step.
        squares: sum of squares of each variable's gradient, at the last step with `due`.
        gradients: the gradients themselves, at the last step with `due`, if `keep_gradients`.

    Under several replicas each is the sum over the replicas (Keras scales their losses to fit), but
    for `arrived`, a mean; `squares` then leaves out the products of one replica with another.
    """

    def __init__(self, variables: list, keep_gradients: bool = False):
        self.due = tf.Variable(False, trainable=False)
        self.arrived = _measured(tf.zeros((), tf.float64), tf.VariableAggregation.MEAN)
        self.losses = _measured(tf.zeros(2))
        self.squares = _measured(tf.zeros(len(variables)))
        kept = variables if keep_gradients else []
        self.gradients = [_measured(tf.zeros(variable.shape)) for variable in kept]

    def attach(self, model) -> None:
        """Lets the step of a compiled `TrainingModel` with our `SGD` report to this probe."""
        model.probe = self
        getattr(model.optimizer, "inner_optimizer", model.optimizer).watch = self.watch_gradients

    def note_arrival(self, data) -> None:
        there = [x for x in tf.nest.flatten(data) if x is not None]
        with tf.name_scope("probe"):
            with tf.control_dependencies(there):
                now = tf.timestamp()
            self.arrived.assign(now)

    def note_losses(self, data_loss, auxiliary_loss) -> None:
        with tf.name_scope("probe"):
            parts = [tf.cast(loss, tf.float32) for loss in (data_loss, auxiliary_loss)]
            self.losses.assign(tf.stack(parts))

    def watch_gradients(self, gradients: list, variables: list) -> None:
        """Called by the optimiser before each update."""

        def record():
            values = [tf.cast(gradient, tf.float32) for gradient in gradients]
            self.squares.assign(tf.stack([2 * tf.nn.l2_loss(value) for value in values]))
            for kept, value in zip(self.gradients, values, strict=False):
                kept.assign(value)
            return True

        with tf.name_scope("probe"):
            tf.cond(self.due, record, lambda: False)


class PredictionLog:
    """The logits of a whole validation, in the order of its images."""

    def __init__(self, images: int, classes: int):
        self._logits = tf.Variable(tf.zeros((images, classes)), trainable=False)
        self._filled = tf.Variable(0, dtype=tf.int64, trainable=False)

    def clear(self) -> None:
        self._filled.assign(0)

    def record(self, logits) -> None:
        """Appends a batch; called by the validation step."""
        rows = self._filled + tf.range(tf.shape(logits, tf.int64)[0])
        self._logits.scatter_update(tf.IndexedSlices(tf.cast(logits, tf.float32), rows))
        self._filled.assign_add(tf.shape(logits, tf.int64)[0])

    def read(self):
        """Logits `(images, classes)`, or None if not exactly all images have passed."""
        return self._logits.numpy() if self._filled.numpy() == self._logits.shape[0] else None


def _measured(value, aggregation=tf.VariableAggregation.SUM):
    return tf.Variable(
        value,
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=aggregation,
    )
