"""Batch normalisation on TensorFlow's fused kernel."""

import keras
import tensorflow as tf

_KERNEL_TYPES = ("float16", "bfloat16", "float32")


@keras.saving.register_keras_serializable(package="tfresnet")
class BatchNormalization(keras.layers.BatchNormalization):
    """Drop-in for `keras.layers.BatchNormalization`, several times faster on a CPU.

    Keras 3 uses elementwise operations; this layer uses one fused kernel for each pass
    (`FusedBatchNormV3`: oneDNN on CPU, cuDNN on GPU). It takes bfloat16 or float16 activations and
    keeps statistics, scale and offset in float32. Another axis, a mask, synchronised statistics,
    renormalisation and float64 use Keras' own implementation. Weights, names, configuration and
    the frozen state (`trainable=False` means inference mode) are those of Keras.

    The moving variance averages the *unbiased* batch variance, as in algorithm 2 of the paper:
    m/(m-1) times the biased one, with m values a channel. The defaults are momentum 0.9 and
    epsilon 1e-5, from the code of the residual networks. Keras' momentum of 0.99 leaves stale
    statistics after a short training.

    Input and output: `(batch, ..., channels)`.

    Source: Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167, algorithms 1 and 2.
    """

    def __init__(self, axis: int = -1, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs):
        super().__init__(axis=axis, momentum=momentum, epsilon=epsilon, **kwargs)
        self._folded = False

    def fold_into(self, conv: keras.layers.Conv2D) -> None:
        """Scales the kernel of the convolution before, which leaves only an offset to add.

        For inference with a copy of a network: it cannot be undone.
        """

        def exact(variable):
            return tf.cast(variable, tf.float64)

        scale = tf.math.rsqrt(exact(self.moving_variance) + self.epsilon)
        if self.gamma is not None:
            scale *= exact(self.gamma)
        conv.kernel.assign(exact(conv.kernel) * scale)
        offset = -exact(self.moving_mean) * scale
        if self.beta is not None:
            offset += exact(self.beta)
        self.moving_mean.assign(offset)  # a free variable now, where beta may not exist
        self._folded = True

    def call(self, inputs, training=None, mask=None):
        if self._folded:
            return tf.nn.bias_add(inputs, tf.cast(self.moving_mean, inputs.dtype))
        if mask is not None or not self._kernel_can_serve(inputs):
            return super().call(inputs, training=training, mask=mask)
        # The kernel needs four axes. Statistics by channel do not depend on the shape.
        is_map = len(inputs.shape) == 4
        x = inputs if is_map else tf.reshape(inputs, (-1, 1, 1, inputs.shape[-1]))
        if training and self.trainable:
            # With an averaging factor below 1 the kernel itself updates the moving statistics.
            factor = 1.0 - self.momentum
            x, mean, variance = self._fused(x, is_training=True, exponential_avg_factor=factor)
            self.moving_mean.assign(mean)
            self.moving_variance.assign(variance)
        else:
            x = self._fused(x, is_training=False)[0]
        return x if is_map else tf.reshape(x, tf.shape(inputs))

    def _kernel_can_serve(self, inputs):
        return (
            self.axis in (-1, len(inputs.shape) - 1)
            and self.compute_dtype in _KERNEL_TYPES
            and not self.synchronized
            and not self.renorm
        )

    def _fused(self, x, **kwargs):
        channels = self.moving_mean.shape
        gamma = tf.ones(channels) if self.gamma is None else self.gamma
        beta = tf.zeros(channels) if self.beta is None else self.beta
        return tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=tf.cast(gamma, tf.float32),
            offset=tf.cast(beta, tf.float32),
            mean=tf.cast(self.moving_mean, tf.float32),
            variance=tf.cast(self.moving_variance, tf.float32),
            epsilon=self.epsilon,
            **kwargs,
        )[:3]
