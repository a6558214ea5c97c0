"""Stochastic gradient descent as the paper means it."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfresnet")
class SGD(keras.optimizers.SGD):
    """`keras.optimizers.SGD` with coupled L2 decay: w's share `l2 * w` is part of its gradient.

    Keras' own `weight_decay` shrinks the weights outside the momentum, which at momentum 0.9 is
    ten times weaker. The decay acts here, in the update, and not as a regularisation loss: same
    numbers, without a pass over all weights forward and backward.

    Only kernels decay; biases and the scales and offsets of batch normalisation do not (He et al.,
    2019, "Bag of Tricks", https://arxiv.org/abs/1812.01187, section 3.1).

    `watch(gradients, variables)`, if set, is called before each update; it must change nothing.
    """

    def __init__(
        self, learning_rate=0.1, momentum=0.9, nesterov=True, l2=0.0, name="sgd", **kwargs
    ):
        # A name of its own: Keras would number optimisers, and checkpoints go by name.
        super().__init__(learning_rate, momentum=momentum, nesterov=nesterov, name=name, **kwargs)
        self.l2 = l2
        self.watch = None

    def apply(self, grads, trainable_variables=None):
        if self.watch:
            self.watch(grads, trainable_variables)
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        gradient = tf.cast(gradient, variable.dtype)
        if self.l2 and decays(variable):
            gradient += self.l2 * variable
        if self.momentum:
            self._step_with_momentum(gradient, variable, learning_rate)
        else:
            super().update_step(gradient, variable, learning_rate)

    def _step_with_momentum(self, gradient, variable, learning_rate):
        # Keras' formula in one kernel: m = momentum * m - lr * g, then w += m or Nesterov's step.
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=self.momentums[self._get_variable_index(variable)].value.handle,
            lr=tf.cast(learning_rate, variable.dtype),
            grad=gradient,
            momentum=tf.cast(self.momentum, variable.dtype),
            use_nesterov=self.nesterov,
        )

    def get_config(self):
        return super().get_config() | {"l2": self.l2}


def decays(variable) -> bool:
    """Whether weight decay acts on `variable`: on kernels, which have more than one axis."""
    return len(variable.shape) > 1
