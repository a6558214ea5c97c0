"""Cross-entropy of logits against class numbers."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfresnet")
class CrossEntropy(keras.losses.Loss):
    """Softmax cross-entropy with label smoothing, in float32.

    Keras smooths one-hot labels only; here labels are class numbers, `(batch,)`, and predictions
    logits, `(batch, classes)`. The target is `1 - s + s / classes` for the true class and
    `s / classes` for each other (Szegedy et al., 2015, https://arxiv.org/abs/1512.00567,
    section 7).
    """

    def __init__(self, label_smoothing: float = 0.0, name: str = "cross_entropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        logits = ops.cast(y_pred, "float32")
        classes = logits.shape[-1]
        targets = ops.one_hot(ops.reshape(y_true, (-1,)), classes, dtype="float32")
        targets = targets * (1 - self.label_smoothing) + self.label_smoothing / classes
        return ops.categorical_crossentropy(targets, logits, from_logits=True)

    def get_config(self):
        return super().get_config() | {"label_smoothing": self.label_smoothing}
