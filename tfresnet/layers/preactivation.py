"""Residual units with normalisation and ReLU before each convolution.

Nothing follows the sum, so x reaches every later unit unchanged, and so does the gradient back.

Source: He et al., 2016, "Identity Mappings", https://arxiv.org/abs/1603.05027, Fig. 1b and 4e.
"""

import keras
from keras import ops

from tfresnet.errors import InputError
from tfresnet.layers.residual import Unit


@keras.saving.register_keras_serializable(package="tfresnet")
class PreactIdentityBlock(Unit):
    """`F(relu(bn(x))) + x`: no weights on the shortcut, no ReLU after the sum.

    `bn1` normalises the input of `conv1`, and so on.

    Args:
        filters, strides, bottleneck, stride_in_3x3, epsilon: as `IdentityBlock`.
        preactivate: False for the first unit of a network, after a stem that already normalises
            and activates (section 4.1 of the paper).
        dropout: rate between the convolutions (wide networks).

    Shapes and errors: as `IdentityBlock`, and `InputError` for `zero_init_residual`.
    """

    def __init__(self, filters: int, preactivate: bool = True, dropout: float = 0.0, **kwargs):
        self.preactivate = preactivate  # before super(), which calls `_bn`
        super().__init__(filters, **kwargs)
        if self.zero_init_residual:
            # The ReLU after a zero gamma and a zero beta passes no gradient on: it stays zero.
            raise InputError(
                "zero_init_residual needs a normalisation after the last convolution; a "
                "pre-activation unit has none. Received: True"
            )
        self.dropout = dropout
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def _bn(self, name, last=False):
        return None if name == "bn1" and not self.preactivate else super()._bn(name, last)

    def branch_pairs(self):
        pairs = [(self.conv1, self.bn2), (self.conv2, self.bn3 if self.bottleneck else None)]
        return [*pairs, (self.conv3, None)] if self.bottleneck else pairs

    def build(self, input_shape):
        if self.preactivate:
            self.bn1.build(input_shape)
        super().build(input_shape)

    def fork(self, x, training=None):
        activated = ops.relu(self.bn1(x, training=training)) if self.preactivate else x
        return activated, x

    def branch(self, x, training=None):
        """F of the activated input."""
        x = self.conv1(x)
        x = ops.relu(self.bn2(x, training=training))
        x = self.conv2(self.drop(x, training=training))
        if self.bottleneck:
            x = self.conv3(ops.relu(self.bn3(x, training=training)))
        return x

    def join(self, branch, shortcut):
        return branch + shortcut

    def get_config(self):
        return super().get_config() | {"preactivate": self.preactivate, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package="tfresnet")
class PreactProjectionBlock(PreactIdentityBlock):
    """`F(a) + W a` with `a = relu(bn(x))`: a 1x1 convolution alone on the shortcut.

    Shapes and arguments: see `PreactIdentityBlock`.
    """

    def __init__(self, filters: int, **kwargs):
        super().__init__(filters, **kwargs)
        self.shortcut_conv = self._conv(self.out_channels, 1, self.strides, name="shortcut_conv")

    def build_shortcut(self, input_shape):
        self.shortcut_conv.build(input_shape)

    def fork(self, x, training=None):
        activated, _ = super().fork(x, training=training)
        return activated, activated

    def shortcut(self, x, training=None):
        return self.shortcut_conv(x)
