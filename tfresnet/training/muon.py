"""Muon: SGD with orthogonal updates of kernels, so that all directions learn equally fast."""

import math

import keras
import tensorflow as tf

from tfresnet.training.optimizer import SGD

# Coefficients of a x + b x^3 + c x^5, which moves singular values towards 1 (Jordan et al., 2024).
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 3  # reach about 0.2 to 1.2, which trains as well as values closer to 1
_LARGE = 128  # smaller products take no time worth saving


class Muon(SGD):
    """SGD with orthogonal updates of the kernels of convolutions.

    A kernel `(height, width, in, out)` is a matrix with `out` columns. Its update is the momentum
    with all singular values moved near 1, times the rate, so rare features are learned as fast as
    common ones. The kernel is kept at norm sqrt(out): the rate is the angle it turns per step, and
    the batch normalisation behind it removes the scale. Decay would only change the scale, so
    kernels have none. All other variables are updated as in `SGD`.

    `kernel_lr` is the peak rate of kernels, on the schedule of `lr`; for `settings` see `SGD`.
    `products` is the dtype of large matrix products. In bfloat16 an update changes by about 1 %,
    which training does not notice, and a processor with AMX multiplies several times as fast.
    Source: Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/, first for CIFAR-10.
    """

    def __init__(
        self,
        trainable: list[keras.Variable],
        *,
        kernel_lr: float,
        products: str = "float32",
        **settings,
    ):
        super().__init__(trainable, **settings)
        self.kernel_lr, self.products = kernel_lr, products
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
            stacked = tf.stack([tf.reshape(step, (-1, shape[-1])) for step in steps])
            dtype = self.products if min(stacked.shape[1:]) >= _LARGE else "float32"
            updates = tf.unstack(orthogonalize(stacked, dtype))
            for index, matrix in zip(indices, updates, strict=True):
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


def orthogonalize(matrices: tf.Tensor, dtype: str = "float32") -> tf.Tensor:
    """Moves the singular values of matrices `(n, rows, columns)` near 1; keeps the vectors.
    `dtype` is that of the factors and the result of each product; all else is in float32."""

    def multiply(a, b, **transposed):
        product = tf.matmul(tf.cast(a, dtype), tf.cast(b, dtype), **transposed)
        return tf.cast(product, matrices.dtype)

    x = matrices / (tf.norm(matrices, axis=(1, 2), keepdims=True) + 1e-7)
    wide = x.shape[1] < x.shape[2]
    # Every factor is a polynomial of the smaller of x x^T and x^T x: only two products are large.
    square = multiply(x, x, transpose_a=not wide, transpose_b=wide)
    identity, product = tf.eye(square.shape[1]), None
    for left in reversed(range(_ITERATIONS)):
        factor = _A * identity + _B * square + _C * multiply(square, square)
        product = factor if product is None else multiply(product, factor)
        if left:
            square = multiply(square, multiply(factor, factor))
    return multiply(product, x) if wide else multiply(x, product)
