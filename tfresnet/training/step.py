"""The training step around a network."""

import keras
import tensorflow as tf


class TrainingModel(keras.Model):
    """A network as it is trained: the same layers and weights, with what only training needs.

    The first output is the network's own. Further outputs are auxiliary classifiers: in training
    their losses are added with weight `auxiliary_weight`; validation and metrics ignore them.

    `step_graph` is the TensorFlow graph of the training step once `fit` has traced it.
    """

    def __init__(self, network: keras.Model, auxiliary_weight: float = 0.3):
        super().__init__(inputs=network.inputs, outputs=network.outputs, name=network.name)
        self.auxiliary_weight = auxiliary_weight
        self.step_graph = None

    def train_step(self, data):
        if not tf.executing_eagerly():
            self.step_graph = tf.compat.v1.get_default_graph()
        return super().train_step(data)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        first, *auxiliary = _outputs(y_pred)
        loss = super().compute_loss(x, y, first, sample_weight, training)
        if training:
            for logits in auxiliary:
                loss += self.auxiliary_weight * tf.reduce_mean(self.loss.call(y, logits))
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y, _outputs(y_pred)[0], sample_weight)


def _outputs(y_pred):
    return y_pred if isinstance(y_pred, list | tuple) else [y_pred]
