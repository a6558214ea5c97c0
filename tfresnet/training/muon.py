"""Muon: kernels that step by orthogonal matrices, so that every direction learns equally fast."""

import math

import keras
import tensorflow as tf

from tfresnet.training.optimizer import SGD

# Of the polynomial a x + b x^3 + c x^5 that brings singular values near 1 (Jordan et al., 2024).
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 3  # bring them between 0.2 and 1.2 or so, which trains as well as closer to 1 does


class Muon(SGD):
    """SGD whose steps of the kernels of convolutions are made orthogonal.

    A kernel `(height, width, in, out)` is a matrix of `out` columns. Its step is its momentum with
    all singular values near 1, times the rate: what few images have in common is learned as fast
    as what all have. The kernel itself is kept at the norm sqrt(out), so that the rate is how far
    it turns in a step; a batch normalisation behind it takes the scale out again. So decay, which
    acts on the scale, is left out. All other variables step as in `SGD`.

    Source: Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/, who first trained
    networks on CIFAR-10 so.

    Args:
        kernel_lr: highest learning rate of the kernels. Both rates follow one schedule.
        settings: see `SGD`.
    """

    def __init__(self, trainable: list[keras.Variable], *, kernel_lr: float, **settings):
        super().__init__(trainable, **settings)
        self.kernel_lr = kernel_lr
        self._share = kernel_lr / settings["lr"]

    def _update(self, gradients, rate):
        same_shape: dict[tuple, list[int]] = {}  # one product for all kernels of a shape
        for index, variable in enumerate(self.trainable):
            if _is_convolution(variable):
                same_shape.setdefault(tuple(variable.shape), []).append(index)
            else:
                self._descend(index, gradients[index], rate)
        for shape, indices in same_shape.items():
            steps = [self._momentum_step(index, gradients[index]) for index in indices]
            matrices = orthogonal(tf.stack([tf.reshape(step, (-1, shape[-1])) for step in steps]))
            for index, matrix in zip(indices, tf.unstack(matrices), strict=True):
                kernel = self.trainable[index].value
                kept = kernel * (math.sqrt(shape[-1]) / tf.norm(kernel))
                kernel.assign(kept - rate * self._share * tf.reshape(matrix, shape))

    def decays(self, variable):
        return super().decays(variable) and not _is_convolution(variable)

    def _momentum_step(self, index, gradient):
        """m = momentum * m + g; the step is m, or Nesterov's momentum * m + g."""
        momentum = self.keras.momentums[index].value
        momentum.assign(self.momentum * momentum + gradient)
        return gradient + self.momentum * momentum if self.nesterov else momentum


def _is_convolution(variable):
    return len(variable.shape) == 4


def orthogonal(matrices: tf.Tensor) -> tf.Tensor:
    """Matrices `(n, rows, columns)` with the same singular vectors and singular values near 1."""
    x = matrices / (tf.norm(matrices, axis=(1, 2), keepdims=True) + 1e-7)
    wide = x.shape[1] < x.shape[2]
    # All factors are polynomials of the smaller of x x^T and x^T x, so the large products are two.
    square = tf.matmul(x, x, transpose_a=not wide, transpose_b=wide)
    identity, product = tf.eye(square.shape[1]), None
    for left in reversed(range(_ITERATIONS)):
        factor = _A * identity + _B * square + _C * tf.matmul(square, square)
        product = factor if product is None else tf.matmul(product, factor)
        if left:
            square = tf.matmul(square, tf.matmul(factor, factor))
    return tf.matmul(product, x) if wide else tf.matmul(x, product)
