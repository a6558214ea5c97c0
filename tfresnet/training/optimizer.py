"""Stochastic gradient descent as in the paper."""

from collections.abc import Sequence

import keras
import tensorflow as tf

_FIRST_SCALE, _STEPS_TO_DOUBLE = 2.0**15, 2000


class SGD:
    """Momentum (Nesterov's or not) with coupled L2 decay: `l2 * w` is added to the gradient of w.

    Keras' `weight_decay` shrinks the weights outside the momentum, which at momentum 0.9 is ten
    times weaker. Only kernels decay, not biases or the parameters of batch normalisation (He et
    al., 2019, "Bag of Tricks", https://arxiv.org/abs/1812.01187, section 3.1).

    The state is in the variables of a `keras.optimizers.SGD`, so that callbacks find what they
    expect: its `learning_rate` is the peak rate, of which each step takes a share. `scaled` scales
    the loss, so that float16 gradients do not vanish, and skips steps that overflow
    (Micikevicius et al., 2017, https://arxiv.org/abs/1710.03740, section 3.2).
    """

    def __init__(
        self,
        trainable: list[keras.Variable],
        *,
        lr: float,
        momentum: float,
        nesterov: bool,
        l2: float,
        scaled: bool = False,
    ):
        self.trainable = trainable
        self.momentum, self.nesterov, self.l2 = momentum, nesterov, l2
        # With a fixed name: Keras numbers optimisers, but checkpoints need the same names.
        self.keras = keras.optimizers.SGD(lr, momentum=momentum, nesterov=nesterov, name="sgd")
        self.keras.build(trainable)
        self.scale = self._good_steps = None
        if scaled:
            self.scale = keras.Variable(_FIRST_SCALE, trainable=False, name="loss_scale")
            self._good_steps = keras.Variable(0, dtype="int32", trainable=False, name="good_steps")

    @property
    def variables(self) -> list[keras.Variable]:
        """The state that is kept from step to step."""
        scaling = [] if self.scale is None else [self.scale, self._good_steps]
        return self.keras.variables + scaling

    @property
    def learning_rate(self) -> float:
        """The peak rate: of the settings, unless a callback has set another."""
        return float(self.keras.learning_rate.numpy())

    def scale_loss(self, loss: tf.Tensor) -> tf.Tensor:
        return loss if self.scale is None else loss * self.scale.value

    def unscale(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Converts gradients of the scaled loss to float32 gradients of the loss."""
        gradients = [tf.cast(gradient, tf.float32) for gradient in gradients]
        return gradients if self.scale is None else [g / self.scale.value for g in gradients]

    def apply(self, gradients: Sequence[tf.Tensor], share: tf.Tensor) -> None:
        """Does one step at `share` of the peak rate."""
        rate = self.keras.learning_rate.value * share
        if self.scale is None:
            self._update(gradients, rate)
        else:
            finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradients])
            tf.cond(finite, lambda: self._update(gradients, rate), lambda: None)
            self._adapt_scale(finite)
        self.keras.iterations.assign_add(1)

    def _update(self, gradients, rate):
        for index, gradient in enumerate(gradients):
            self._descend(index, gradient, rate)

    def _direction(self, index, gradient):
        """g of the step: the gradient with its share of the decay."""
        variable = self.trainable[index]
        return gradient + self.l2 * variable.value if self.decays(variable) else gradient

    def _descend(self, index, gradient, rate):
        """v = momentum * v - rate * g, then w += v, or Nesterov's w += momentum * v - rate * g."""
        gradient = self._direction(index, gradient)
        weights = self.trainable[index].value
        if not self.momentum:
            weights.assign_sub(rate * gradient)
            return
        tf.raw_ops.ResourceApplyKerasMomentum(  # the formula in one kernel
            var=weights.handle,
            accum=self.keras.momentums[index].value.handle,
            lr=rate,
            grad=gradient,
            momentum=self.momentum,
            use_nesterov=self.nesterov,
        )

    def decays(self, variable: keras.Variable) -> bool:
        """Whether weight decay acts on `variable`."""
        return self.l2 > 0 and is_kernel(variable)

    def _adapt_scale(self, finite):
        scale, good = self.scale.value, tf.where(finite, self._good_steps.value + 1, 0)
        doubles = good == _STEPS_TO_DOUBLE
        grown = tf.where(doubles, 2 * scale, scale)
        self.scale.assign(tf.where(finite, grown, tf.maximum(scale / 2, 1.0)))
        self._good_steps.assign(tf.where(doubles, 0, good))


def is_kernel(variable: keras.Variable) -> bool:
    """Whether a variable has several axes; biases, scales and offsets have one."""
    return len(variable.shape) > 1
