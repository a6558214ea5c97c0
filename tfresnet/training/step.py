"""One training step: forward, loss, gradients, update."""

from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfresnet.evaluation.metrics import ranks
from tfresnet.training.averages import AveragedWeights
from tfresnet.training.optimizer import SGD, is_kernel
from tfresnet.training.replicas import add_up

AUXILIARY_WEIGHT = 0.3  # of the loss of each auxiliary classifier (arXiv:1409.4842, section 5)
# A step takes the first `ALL` images of its batch. TensorFlow cannot know that these are all, so it
# does not know the shape of a gradient before the step runs. If it did, and expected the step to
# need more than 205 MiB, its memory optimiser would add three or more gradients of one tensor in
# order of arrival, with another rounding in every run.
ALL = np.iinfo(np.int32).max


class Measured(NamedTuple):
    """What a step has measured. Losses are means over the images of the batch.

    loss: cross-entropy with smoothing. auxiliary: weighted loss of auxiliary classifiers.
    top1, top5: number of images whose true class ranks first, or among the first five.
    gradients, kernels, changes: squared L2 norms of each variable's gradient (without decay), of
    each kernel and of its change; empty unless the step was asked to observe.
    """

    loss: float
    auxiliary: float
    top1: float
    top5: float
    gradients: np.ndarray
    kernels: np.ndarray
    changes: np.ndarray


@dataclass(eq=False)
class TrainStep:
    """The training step of a network, as a graph."""

    network: keras.Model  # the first output is logits; others are of auxiliary classifiers
    optimizer: SGD  # for the trainable variables of the network
    label_smoothing: float  # see `cross_entropy`
    strategy: tf.distribute.Strategy | None = None  # None: the current one
    keep_gradients: bool = False  # keep the gradients of an observed step in `gradients`
    averages: AveragedWeights | None = None  # are updated after each step
    class_weights: np.ndarray | None = None  # see `cross_entropy`

    def __post_init__(self):
        self.strategy = self.strategy or tf.distribute.get_strategy()
        self.gradients: list[np.ndarray] = []
        self._kernels = [v for v in self.optimizer.trainable if is_kernel(v)]
        self._graph = tf.function(self._on_all_replicas, autograph=False)  # as Keras traces
        self._signature: list[tf.TensorSpec] = []

    def __call__(
        self, images: tf.Tensor, labels: tf.Tensor, share: float, observe: bool = False
    ) -> Measured:
        """Does one step on pixels `(batch, height, width, 3)` at `share` of the peak rate."""
        scalars = tf.constant(share, tf.float32), tf.constant(observe), tf.constant(ALL)
        inputs = images, labels, *scalars
        if not self._signature and self.strategy.num_replicas_in_sync == 1:
            self._signature = [tf.TensorSpec.from_tensor(value) for value in inputs]
        scalars, observed, gradients = self._graph(*inputs)
        if observe:
            self.gradients = [gradient.numpy() for gradient in gradients]
        return Measured(*scalars.numpy().tolist(), *(part.numpy() for part in observed))

    @property
    def graph(self) -> tf.Graph | None:
        """The graph of the step, after the first; None in eager mode or with several replicas."""
        if tf.config.functions_run_eagerly() or not self._signature:
            return None
        return self._graph.get_concrete_function(*self._signature).graph

    def _on_all_replicas(self, *inputs):
        results = self.strategy.run(self._step, args=inputs)
        local = self.strategy.experimental_local_results  # the same on all replicas
        return tf.nest.map_structure(lambda values: local(values)[0], results)

    def _step(self, images, labels, share, observe, limit):
        """Its scopes are the boxes of TensorBoard's page of graphs."""
        replicas = self.strategy.num_replicas_in_sync
        variables = [variable.value for variable in self.optimizer.trainable]
        with tf.name_scope("batch"):
            images, labels = images[:limit], labels[:limit]
        with tf.GradientTape() as tape:
            logits, *further = tf.nest.flatten(self.network(images, training=True))
            with tf.name_scope("loss"):
                loss, auxiliary = self._losses(labels, logits, further)
                scaled = self.optimizer.scale_loss(loss + auxiliary)
        none = tf.UnconnectedGradients.ZERO  # a user's network may leave a layer out
        with tf.name_scope("backward"):
            gradients = tape.gradient(scaled, variables, unconnected_gradients=none)
            gradients = self.optimizer.unscale(gradients)
        with tf.name_scope("metrics"):
            rank = ranks(logits, labels)
            right = [tf.math.count_nonzero(rank < k, dtype=tf.float32) for k in (1, 5)]
            scalars = tf.stack([loss, auxiliary, *right])
        if replicas > 1:
            gradients, scalars = add_up(self.network, gradients, scalars)

        with tf.name_scope("charts"):
            before = _if(observe, lambda: [kernel.value for kernel in self._kernels])
        with tf.name_scope("optimizer"):
            self.optimizer.apply(gradients, share)
            if self.averages:
                self.averages.update(self.optimizer.keras.iterations.value)
        with tf.name_scope("charts"):
            observed = _if(observe, lambda: self._norms(gradients, before))
            kept = _if(observe, lambda: gradients) if self.keep_gradients else []
        return scalars, observed, kept

    def _losses(self, labels, logits, further):
        replicas = self.strategy.num_replicas_in_sync
        how = self.label_smoothing, self.class_weights
        loss = cross_entropy(labels, logits, *how) / replicas
        others = [cross_entropy(labels, one, *how) for one in further]
        auxiliary = AUXILIARY_WEIGHT * tf.reduce_sum(others) / replicas
        for one in self.network.losses:  # of regularizers and `add_loss`
            auxiliary += tf.cast(one, tf.float32) / replicas
        return loss, auxiliary

    def _norms(self, gradients, before):
        pairs = zip(self._kernels, before, strict=True)
        changes = [tf.reshape(kernel.value, [-1]) - old for kernel, old in pairs]
        groups = gradients, before, changes
        return [tf.stack([2 * tf.nn.l2_loss(value) for value in group]) for group in groups]


def cross_entropy(
    labels: tf.Tensor,
    logits: tf.Tensor,
    smoothing: float = 0.0,
    class_weights: np.ndarray | None = None,
) -> tf.Tensor:
    """Mean softmax cross-entropy of logits `(batch, classes)` against class numbers, in float32.
    The target is `1 - s + s / classes` for the true class and `s / classes` for each other (Szegedy
    et al., 2015, https://arxiv.org/abs/1512.00567, section 7).
    `class_weights`, `(classes,)`, multiply the loss of each image by that of its class."""
    logits = tf.cast(logits, tf.float32)
    classes = logits.shape[-1]
    targets = tf.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes
    losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    if class_weights is not None:
        losses *= tf.gather(tf.constant(class_weights, tf.float32), labels)
    return tf.reduce_mean(losses)


def _if(observe, values):
    """The tensors of `values()`, flattened, if `observe` is true; else empty ones, at no cost."""
    count = []

    def made():
        flat = [tf.reshape(value, [-1]) for value in values()]
        count.append(len(flat))
        return flat

    return tf.cond(observe, made, lambda: [tf.zeros([0])] * count[0])
