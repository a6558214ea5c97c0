"""Convolutions as the residual networks use them."""

import keras
from keras import ops

from tfresnet.layers import small_maps
from tfresnet.layers.normalization import BatchNormalization


@keras.saving.register_keras_serializable(package="tfresnet")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` that pads the same number of zeros on either side.

    Differs from Keras' in its defaults (He normal initialisation, `padding="same"`, no bias since
    batch normalisation follows) and in one point of substance: with stride 2, TensorFlow's "same"
    pads right and bottom only, which moves the samples one pixel away from those of a 1x1 / 2
    shortcut. Here k // 2 zeros stand on each side, as in the paper's Caffe and the later Torch
    code, so that branch and shortcut look at the same pixels and weights can be exchanged. An even
    kernel has one zero less on the left and on top, as with stride 1.

    Input: `(batch, height, width, channels)`; output: `(batch, ceil(height / strides),
    ceil(width / strides), filters)` with `padding="same"`.

    Source: He et al., 2015, https://arxiv.org/abs/1502.01852 (initialisation).
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        data_format="channels_last",
        **kwargs,
    ):
        kwargs |= {"use_bias": use_bias, "kernel_initializer": kernel_initializer}
        super().__init__(filters, kernel_size, strides, padding, data_format, **kwargs)

    def convolution_op(self, inputs, kernel):
        if self.padding != "same" or self.data_format != "channels_last":
            return super().convolution_op(inputs, kernel)
        if max(self.strides) > 1:
            # Padding is an operation of its own here: as an attribute of the convolution it would
            # keep TensorFlow from using oneDNN's kernels for both gradients.
            inputs = self._padded(inputs)
            strides = list(self.strides)
            return ops.conv(inputs, kernel, strides, "valid", data_format=self.data_format)
        if max(self.dilation_rate) == 1 and small_maps.serves(inputs, kernel):
            return small_maps.conv2d(inputs, kernel)
        return super().convolution_op(inputs, kernel)

    def _padded(self, inputs):
        if max(self.kernel_size) == 1:
            return inputs
        sides = [[(size - 1) // 2, size // 2] for size in self.kernel_size]
        return ops.pad(inputs, [[0, 0], *sides, [0, 0]])


@keras.saving.register_keras_serializable(package="tfresnet")
class ConvBN(keras.layers.Layer):
    """Convolution, batch normalisation, ReLU: the unit that all networks here are made of.

    Children: `conv`, and `bn` unless `use_bn=False`, which gives the convolution a bias instead
    (networks from before batch normalisation). `activation=None` leaves the ReLU out,
    `scale=False` the factor of the normalisation, gamma.

    Input: `(batch, height, width, channels)`; output: `(batch, height', width', filters)` with
    the sizes of `Conv2D`.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="same",
        use_bn=True,
        activation="relu",
        epsilon=1e-5,
        scale=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding
        self.use_bn = use_bn
        self.activation = keras.activations.get(activation)
        self.epsilon = epsilon
        self.scale = scale
        dtype = {"dtype": self.dtype_policy}
        place = {"padding": padding, "use_bias": not use_bn, "name": "conv"}
        self.conv = Conv2D(filters, kernel_size, strides, **place, **dtype)
        norm = {"epsilon": epsilon, "scale": scale, "name": "bn"}
        self.bn = BatchNormalization(**norm, **dtype) if use_bn else None

    @property
    def conv_bn_pairs(self):
        """(convolution, the normalisation of its output or None), for folding."""
        return [(self.conv, self.bn)]

    def build(self, input_shape):
        self.conv.build(input_shape)
        if self.bn is not None:
            self.bn.build(self.conv.compute_output_shape(input_shape))

    def call(self, inputs, training=None):
        x = self.conv(inputs)
        if self.bn is not None:
            x = self.bn(x, training=training)
        return self.activation(x)

    def compute_output_shape(self, input_shape):
        return self.conv.compute_output_shape(input_shape)

    def get_config(self):
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "use_bn": self.use_bn,
            "activation": keras.activations.serialize(self.activation),
            "epsilon": self.epsilon,
            "scale": self.scale,
        }
