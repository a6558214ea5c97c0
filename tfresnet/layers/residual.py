"""The residual units: a branch of convolutions and the shortcut around it.

Source: He et al., 2015, "Deep Residual Learning", https://arxiv.org/abs/1512.03385, Fig. 2 and 5.
"""

import keras
from keras import ops

from tfresnet.errors import InputError
from tfresnet.layers.convolution import Conv2D
from tfresnet.layers.normalization import BatchNormalization
from tfresnet.settings.values import whole_number

SHORTCUTS = ("A", "B", "C", None)
BOTTLENECK_EXPANSION = 4


class Unit(keras.layers.Layer):
    """The input forks into a branch and a shortcut, and their outputs join.

    Subclasses override `fork`, `branch`, `shortcut` and `join`. The defaults make the
    `IdentityBlock`, which documents the arguments and shapes.
    """

    def __init__(
        self,
        filters: int,
        strides: int = 1,
        bottleneck: bool = False,
        stride_in_3x3: bool = False,
        zero_init_residual: bool = False,
        epsilon: float = 1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = whole_number("filters", filters)
        self.strides = whole_number("strides", strides)
        self.bottleneck = bottleneck
        self.stride_in_3x3 = stride_in_3x3
        self.zero_init_residual = zero_init_residual
        self.epsilon = epsilon
        self.out_channels = filters * (BOTTLENECK_EXPANSION if bottleneck else 1)
        if bottleneck:
            self._make_bottleneck()
        else:
            self.conv1 = self._conv(self.filters, 3, self.strides, name="conv1")
            self.bn1 = self._bn("bn1")
            self.conv2 = self._conv(self.filters, 3, name="conv2")
            self.bn2 = self._bn("bn2", last=True)

    def _make_bottleneck(self):
        # The paper has the stride in the first 1x1, which never reads three of four pixels. Later
        # code ("v1.5") has it in the 3x3.
        first, second = (1, self.strides) if self.stride_in_3x3 else (self.strides, 1)
        self.conv1 = self._conv(self.filters, 1, first, name="conv1")
        self.bn1 = self._bn("bn1")
        self.conv2 = self._conv(self.filters, 3, second, name="conv2")
        self.bn2 = self._bn("bn2")
        self.conv3 = self._conv(self.out_channels, 1, name="conv3")
        self.bn3 = self._bn("bn3", last=True)

    def _conv(self, filters, kernel_size, strides=1, *, name):
        return Conv2D(filters, kernel_size, strides, dtype=self.dtype_policy, name=name)

    def _bn(self, name, last=False):
        # A zero gamma at the end of the branch starts the unit as the identity. Not in the paper:
        # Goyal et al., 2017, https://arxiv.org/abs/1706.02677, section 5.1.
        gamma = "zeros" if last and self.zero_init_residual else "ones"
        return BatchNormalization(
            epsilon=self.epsilon, gamma_initializer=gamma, dtype=self.dtype_policy, name=name
        )

    def branch_pairs(self):
        """(convolution, the normalisation of its output or None) in the branch's order."""
        pairs = [(self.conv1, self.bn1), (self.conv2, self.bn2)]
        return [*pairs, (self.conv3, self.bn3)] if self.bottleneck else pairs

    # If a property lists layers, Keras saves their weights under the property's name. Files hold
    # the weights of projections under this one: keep it a property, and add no other.
    @property
    def conv_bn_pairs(self):
        """The pairs of branch and shortcut, for folding."""
        return self.branch_pairs()

    def build(self, input_shape):
        shape = input_shape
        for conv, bn in self.branch_pairs():
            conv.build(shape)
            shape = conv.compute_output_shape(shape)
            if bn is not None:
                bn.build(shape)
        self.build_shortcut(input_shape)

    def build_shortcut(self, input_shape):
        if input_shape[-1] > self.out_channels:
            raise InputError(
                f"{type(self).__name__} can add channels, not remove them: the input may have "
                f"at most {self.out_channels}. Received: {input_shape[-1]}"
            )

    def call(self, inputs, training=None):
        return self.join(*self.parts(inputs, training=training))

    def parts(self, inputs, training=None):
        """The outputs of branch and shortcut, for `join`."""
        x, skipped = self.fork(inputs, training=training)
        return self.branch(x, training=training), self.shortcut(skipped, training=training)

    def fork(self, x, training=None):
        """The inputs of branch and shortcut."""
        return x, x

    def branch(self, x, training=None):
        """F(x) of the paper: everything before the addition."""
        x = ops.relu(self.bn1(self.conv1(x), training=training))
        x = self.bn2(self.conv2(x), training=training)
        if self.bottleneck:
            x = self.bn3(self.conv3(ops.relu(x)), training=training)
        return x

    def shortcut(self, x, training=None):
        return identity(x, self.strides, self.out_channels)

    def join(self, branch, shortcut):
        return ops.relu(branch + shortcut)

    def compute_output_shape(self, input_shape):
        for conv, _ in self.branch_pairs():
            input_shape = conv.compute_output_shape(input_shape)
        return input_shape

    @classmethod
    def from_config(cls, config):
        names = {"zero_init_last_gamma": "zero_init_residual"}  # in files of earlier versions
        return super().from_config({names.get(key, key): value for key, value in config.items()})

    def get_config(self):
        names = ("filters", "strides", "bottleneck", "stride_in_3x3", "zero_init_residual")
        return super().get_config() | {name: getattr(self, name) for name in (*names, "epsilon")}


@keras.saving.register_keras_serializable(package="tfresnet")
class IdentityBlock(Unit):
    """`relu(F(x) + x)`: no weights on the shortcut.

    Where the branch changes the shape, the shortcut is the paper's option A: see `identity`.

    Args:
        filters: channels of the 3x3 convolutions.
        strides: of the first convolution, 1 or 2 in the paper.
        bottleneck: 1x1, 3x3, 1x1 to `4 * filters` channels instead of two 3x3 (Fig. 5).
        stride_in_3x3: put a bottleneck's stride in its 3x3 ("v1.5"), not in its first 1x1.
        zero_init_residual: start the unit as the identity.
        epsilon: added to the variance in batch normalisation.

    Shapes: `(batch, height, width, channels)` to `(batch, ceil(height / strides),
    ceil(width / strides), filters or 4 * filters)`.

    Raises:
        InputError: `filters` or `strides` below 1, or an input with more channels than the output.
    """


@keras.saving.register_keras_serializable(package="tfresnet")
class PlainBlock(Unit):
    """`relu(F(x))`: no shortcut. The unit of the plain networks, which degrade with depth.

    Shapes and arguments: see `IdentityBlock`; `InputError` for `zero_init_residual`.
    """

    def __init__(self, filters: int, **kwargs):
        super().__init__(filters, **kwargs)
        if self.zero_init_residual:  # a ReLU of zeros alone passes no gradient on
            raise InputError(
                "zero_init_residual needs a shortcut beside the branch; a plain unit has none. "
                "Received: True"
            )

    def build_shortcut(self, input_shape):
        pass

    def shortcut(self, x, training=None):
        return None

    def join(self, branch, shortcut):
        return ops.relu(branch)


@keras.saving.register_keras_serializable(package="tfresnet")
class ProjectionBlock(Unit):
    """`relu(F(x) + W x)`: a 1x1 convolution and batch normalisation on the shortcut.

    The paper's option B uses it where the shape changes, option C everywhere. Shapes and
    arguments: see `IdentityBlock`.
    """

    pools = False  # whether a pooling does the stride

    def __init__(self, filters: int, **kwargs):
        super().__init__(filters, **kwargs)
        strides = 1 if self.pools else self.strides
        self.shortcut_conv = self._conv(self.out_channels, 1, strides, name="shortcut_conv")
        self.shortcut_bn = self._bn("shortcut_bn")

    @property
    def conv_bn_pairs(self):
        return [*super().conv_bn_pairs, (self.shortcut_conv, self.shortcut_bn)]

    def build_shortcut(self, input_shape):
        self.shortcut_conv.build(input_shape)
        self.shortcut_bn.build(self.compute_output_shape(input_shape))

    def shortcut(self, x, training=None):
        return self.shortcut_bn(self.shortcut_conv(x), training=training)


@keras.saving.register_keras_serializable(package="tfresnet")
class PooledProjectionBlock(ProjectionBlock):
    """`relu(F(x) + W pool(x))`: average pooling does the shortcut's stride (ResNet-D).

    A 1x1 convolution of stride 2 reads one pixel in four; the mean uses all of them. Shapes and
    arguments: see `IdentityBlock`.

    Source: He et al., 2018, "Bag of Tricks", https://arxiv.org/abs/1812.01187, Fig. 2c.
    """

    pools = True

    def shortcut(self, x, training=None):
        if self.strides > 1:
            x = ops.average_pool(x, self.strides, self.strides, "same", data_format="channels_last")
        return super().shortcut(x, training=training)


def residual_unit(
    shortcut: str | None,
    in_channels: int,
    filters: int,
    *,
    identity: type[Unit] = IdentityBlock,
    projection: type[Unit] = ProjectionBlock,
    **kwargs,
) -> Unit:
    """The unit for one place in a network. Only this function asks whether the shape changes.

    Args:
        shortcut: option "A" (no weights), "B" (a projection where the shape changes) or "C"
            (projections everywhere) of section 4.1; None for a plain network.
        identity, projection: the classes to choose from.
        filters, **kwargs: arguments of the unit.

    Raises:
        InputError: an unknown option.
    """
    if shortcut not in SHORTCUTS:
        raise InputError(f"shortcut must be one of A, B, C or None. Received: {shortcut!r}")
    if shortcut is None:
        return PlainBlock(filters, **kwargs)
    channels = filters * (BOTTLENECK_EXPANSION if kwargs.get("bottleneck") else 1)
    shape_changes = kwargs.get("strides", 1) != 1 or in_channels != channels
    if shortcut == "C" or (shortcut == "B" and shape_changes):
        return projection(filters, **kwargs)
    return identity(filters, **kwargs)


def identity(x, strides, channels):
    """x itself, or option A where the shape changes: x subsampled, then channels of zeros."""
    if strides > 1:
        # Pooling over single pixels computes x[:, ::s, ::s] three times as fast as slicing.
        x = ops.average_pool(x, 1, strides, "same", data_format="channels_last")
    missing = channels - x.shape[-1]
    return ops.pad(x, [[0, 0], [0, 0], [0, 0], [0, missing]]) if missing else x
