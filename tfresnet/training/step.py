"""One step of training: forward, loss, gradients, update."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfresnet.evaluation.metrics import ranks
from tfresnet.training.averages import AveragedWeights
from tfresnet.training.optimizer import SGD, is_kernel
from tfresnet.training.replicas import add_up

AUXILIARY_WEIGHT = 0.3  # of each auxiliary classifier's loss (arXiv:1409.4842, section 5)


class Measured(NamedTuple):
    """What a step has seen of itself. Losses are means over the images of the batch.

    loss: cross-entropy with smoothing. auxiliary: weighted losses of auxiliary classifiers.
    top1, top5: images whose true class was the first, or among the first five.
    The others are empty but in a step that was asked to observe: squares of the L2 norm of each
    trainable variable's gradient (without decay), of each kernel, and of its change.
    """

    loss: float
    auxiliary: float
    top1: float
    top5: float
    gradients: np.ndarray
    kernels: np.ndarray
    changes: np.ndarray


class TrainStep:
    """The training step of a network, as a graph.

    Args:
        network: the first output is logits; further ones are of auxiliary classifiers.
        optimizer: has the network's trainable variables.
        label_smoothing: see `cross_entropy`.
        strategy: how the step is spread over devices. Each takes its share of a batch.
        keep_gradients: whether `gradients` has, after an observed step, all of them.
        averages: follow the weights.
    """

    def __init__(
        self,
        network: keras.Model,
        optimizer: SGD,
        label_smoothing: float,
        strategy: tf.distribute.Strategy | None = None,
        keep_gradients: bool = False,
        averages: AveragedWeights | None = None,
    ):
        self.network = network
        self.optimizer = optimizer
        self.label_smoothing = label_smoothing
        self.strategy = strategy or tf.distribute.get_strategy()
        self.keep_gradients = keep_gradients
        self.averages = averages
        self.gradients: list[np.ndarray] = []
        self._kernels = [v for v in optimizer.trainable if is_kernel(v)]
        self._graph = tf.function(self._on_all_replicas)
        self._signature: list[tf.TensorSpec] = []

    def __call__(
        self, images: tf.Tensor, labels: tf.Tensor, share: float, observe: bool = False
    ) -> Measured:
        """One step on pixels `(batch, height, width, 3)` at `share` of the highest rate."""
        inputs = images, labels, tf.constant(share, tf.float32), tf.constant(observe)
        if not self._signature and self.strategy.num_replicas_in_sync == 1:
            self._signature = [tf.TensorSpec.from_tensor(value) for value in inputs]
        scalars, observed, gradients = self._graph(*inputs)
        if observe:
            self.gradients = [gradient.numpy() for gradient in gradients]
        return Measured(*scalars.numpy().tolist(), *(part.numpy() for part in observed))

    @property
    def graph(self) -> tf.Graph | None:
        """Of the step once it has run; None where functions run eagerly, or on several replicas."""
        if tf.config.functions_run_eagerly() or not self._signature:
            return None
        return self._graph.get_concrete_function(*self._signature).graph

    def _on_all_replicas(self, *inputs):
        results = self.strategy.run(self._step, args=inputs)
        return tf.nest.map_structure(self._of_first_replica, results)  # they are all the same

    def _of_first_replica(self, values):
        return self.strategy.experimental_local_results(values)[0]

    def _step(self, images, labels, share, observe):
        replicas = self.strategy.num_replicas_in_sync
        variables = [variable.value for variable in self.optimizer.trainable]
        with tf.GradientTape() as tape:
            logits, *further = tf.nest.flatten(self.network(images, training=True))
            loss = cross_entropy(labels, logits, self.label_smoothing) / replicas
            auxiliary = tf.constant(0.0)
            for one in further:
                auxiliary += cross_entropy(labels, one, self.label_smoothing) / replicas
            auxiliary *= AUXILIARY_WEIGHT
            scaled = self.optimizer.scaled_loss(loss + auxiliary)
        gradients = self.optimizer.unscaled(tape.gradient(scaled, variables))
        rank = ranks(logits, labels)
        right = [tf.math.count_nonzero(rank < k, dtype=tf.float32) for k in (1, 5)]
        scalars = tf.stack([loss, auxiliary, *right])
        if replicas > 1:
            gradients, scalars = add_up(self.network, gradients, scalars)

        before = _if(observe, lambda: [kernel.value for kernel in self._kernels])
        self.optimizer.apply(gradients, share)
        if self.averages:
            self.averages.update(self.optimizer.keras.iterations.value)

        observed = _if(observe, lambda: self._norms(gradients, before))
        kept = _if(observe, lambda: gradients) if self.keep_gradients else []
        return scalars, observed, kept

    def _norms(self, gradients, before):
        now = [tf.reshape(kernel.value, [-1]) for kernel in self._kernels]
        changes = [_squares(new - old) for new, old in zip(now, before, strict=True)]
        return [
            tf.stack(squares)
            for squares in ([*map(_squares, gradients)], [*map(_squares, before)], changes)
        ]


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor, smoothing: float = 0.0) -> tf.Tensor:
    """Mean softmax cross-entropy of logits `(batch, classes)` against class numbers, in float32.

    The target is `1 - s + s / classes` for the true class and `s / classes` for each other
    (Szegedy et al., 2015, https://arxiv.org/abs/1512.00567, section 7).
    """
    logits = tf.cast(logits, tf.float32)
    classes = logits.shape[-1]
    targets = tf.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))


def _if(observe, values):
    """The tensors that `values` makes, flat, if `observe` is true; else nothing is computed."""
    count = []

    def made():
        flat = [tf.reshape(value, [-1]) for value in values()]
        count.append(len(flat))
        return flat

    return tf.cond(observe, made, lambda: [tf.zeros([0])] * count[0])


def _squares(x):
    return 2 * tf.nn.l2_loss(x)  # which is half the sum of squares
