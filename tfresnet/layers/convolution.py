"""Convolutions of the residual networks."""

import keras
from keras import ops

from tfresnet.layers import conv_forms
from tfresnet.layers.normalization import BatchNormalization


@keras.saving.register_keras_serializable(package="tfresnet")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` with symmetric zero padding.

    With stride 2, TensorFlow's "same" pads right and bottom only. That shifts the samples by one
    pixel against those of a 1x1 / 2 shortcut. This layer pads k // 2 zeros on each side, like
    Caffe and Torch, so branch and shortcut read the same pixels and weights can be exchanged. An
    even kernel gets one zero less on the left and on top. Other defaults: He normal initialisation,
    `padding="same"`, and no bias because batch normalisation follows.

    Shapes: `(batch, height, width, channels)` to `(batch, ceil(height / strides),
    ceil(width / strides), filters)` with `padding="same"`.

    Source: He et al., 2015, https://arxiv.org/abs/1502.01852 (initialisation).
    """

    def __init__(self, filters: int, kernel_size, strides=1, padding: str = "same", **kwargs):
        defaults = {"data_format": "channels_last", "use_bias": False}
        defaults["kernel_initializer"] = "he_normal"
        super().__init__(filters, kernel_size, strides, padding, **defaults | kwargs)

    def convolution_op(self, inputs, kernel):
        if self.padding != "same" or self.data_format != "channels_last":
            return super().convolution_op(inputs, kernel)
        if max(self.dilation_rate) == 1:
            forms = conv_forms.choose(inputs, kernel, self.strides)
            if forms:
                return conv_forms.conv2d(inputs, kernel, self.strides[0], forms)
        if max(self.strides) > 1:
            # A separate padding operation: as an attribute of the convolution, padding would keep
            # TensorFlow from using oneDNN's kernels for both gradients.
            if max(self.kernel_size) > 1:
                sides = [[(size - 1) // 2, size // 2] for size in self.kernel_size]
                inputs = ops.pad(inputs, [[0, 0], *sides, [0, 0]])
            strides = list(self.strides)
            return ops.conv(inputs, kernel, strides, "valid", data_format=self.data_format)
        return super().convolution_op(inputs, kernel)


@keras.saving.register_keras_serializable(package="tfresnet")
class ConvBN(keras.layers.Layer):
    """Convolution, batch normalisation, ReLU: the unit that all networks share.

    Its sublayers are `conv` and `bn`. `use_bn=False` replaces `bn` by a bias, for networks older
    than batch normalisation. `activation=None` drops the ReLU, `scale=False` drops gamma.

    Shapes: as `Conv2D`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int = 1,
        padding: str = "same",
        use_bn: bool = True,
        activation: str | None = "relu",
        epsilon: float = 1e-5,
        scale: bool = True,
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
        options = {"use_bias": not use_bn, "dtype": self.dtype_policy, "name": "conv"}
        self.conv = Conv2D(filters, kernel_size, strides, padding, **options)
        norm = {"epsilon": epsilon, "scale": scale, "dtype": self.dtype_policy, "name": "bn"}
        self.bn = BatchNormalization(**norm) if use_bn else None

    @property
    def conv_bn_pairs(self):
        """(convolution, its normalisation or None), for folding."""
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
        names = ("filters", "kernel_size", "strides", "padding", "use_bn", "activation")
        config = {name: getattr(self, name) for name in (*names, "epsilon", "scale")}
        config["activation"] = keras.activations.serialize(self.activation)
        return super().get_config() | config
