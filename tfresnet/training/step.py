"""The training step around a network."""

import keras
import tensorflow as tf


class TrainingModel(keras.Model):
    """A network as it is trained: the same layers and weights, with what only training needs.

    The first output is the network's own. Further outputs are auxiliary classifiers: in training
    their losses are added with weight `auxiliary_weight`; validation and metrics ignore them.

    `step_graph` is the TensorFlow graph of the training step once `fit` has traced it. `probe`
    (`StepProbe`) and `predictions` (`PredictionLog`), set before the first step, are told what
    happens; without them nothing is measured.
    """

    def __init__(self, network: keras.Model, auxiliary_weight: float = 0.3):
        super().__init__(inputs=network.inputs, outputs=network.outputs, name=network.name)
        self.auxiliary_weight = auxiliary_weight
        self.step_graph = None
        self.probe = None
        self.predictions = None
        self._logits = None  # of the step that is being traced

    def train_step(self, data):
        if not tf.executing_eagerly():
            self.step_graph = tf.compat.v1.get_default_graph()
        if self.probe and not self.jit_compile:  # XLA has no clock
            self.probe.note_arrival(data)
        return super().train_step(data)

    def test_step(self, data):
        metrics = super().test_step(data)
        if self.predictions:
            self.predictions.record(self._logits)
        return metrics

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        first, *further = _outputs(y_pred)
        loss = super().compute_loss(x, y, first, sample_weight, training)
        if not training:
            return loss
        auxiliary = [
            self.auxiliary_weight * tf.reduce_mean(self.loss.call(y, logits)) for logits in further
        ]
        if self.probe:
            self.probe.note_losses(loss, sum(auxiliary, 0.0))
        for part in auxiliary:
            loss += part
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        self._logits = _outputs(y_pred)[0]
        with tf.name_scope("metrics"):
            return super().compute_metrics(x, y, self._logits, sample_weight)


def _outputs(y_pred):
    return y_pred if isinstance(y_pred, list | tuple) else [y_pred]
