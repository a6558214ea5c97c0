"""What all networks share at their two ends: the checked input and the classifier."""

import keras

from tfresnet.errors import InputError
from tfresnet.layers import BatchNormalization, ConvBN
from tfresnet.settings.values import whole_number


def image_input(network) -> keras.KerasTensor:
    """The input of a `Network`, `(batch, *input_shape)`, float32.

    Raises:
        InputError: not three numbers, no channels, a side that is too short, or an open one (None)
            where dense layers need to know it.
    """
    received = f"Received: {network.input_shape}"
    if len(network.input_shape) != 3:
        raise InputError(f"input_shape must be (height, width, channels). {received}")
    *sides, channels = network.input_shape
    sides = [None if side is None else whole_number("input_shape", side) for side in sides]
    shape = (*sides, whole_number("channels of input_shape", channels))
    smallest = network.smallest
    if any(side is not None and side < smallest for side in sides):
        raise InputError(
            f"input_shape: the strides of {network} need sides of at least {smallest} pixels. "
            f"{received}"
        )
    if network.fixed and None in sides:
        raise InputError(
            f"input_shape: the dense layers of {network.name} are made for one size of image, so "
            f"height and width must be numbers. {received}"
        )
    return keras.Input(shape, dtype="float32", name="images")


def pooled(x, pooling: str | None, prefix: str = "") -> keras.KerasTensor:
    """Global pooling of feature maps, "avg" or "max", in float32; None: the maps themselves.

    Raises:
        InputError: another pooling.
    """
    if pooling is None:
        return x
    poolings = {
        "avg": keras.layers.GlobalAveragePooling2D,
        "max": keras.layers.GlobalMaxPooling2D,
    }
    if pooling not in poolings:
        raise InputError(f"pooling must be None, 'avg' or 'max'. Received: {pooling!r}")
    name = f"{prefix}{pooling}_pool"
    return poolings[pooling](data_format="channels_last", dtype="float32", name=name)(x)


def classifier(x, network, *, hidden=(), dropout=0.0, prefix="") -> keras.KerasTensor:
    """Logits of feature maps, unless the network names an activation.

    Global average pooling and a dense layer, float32 under every dtype policy: they are cheap, and
    a loss needs their digits. With `hidden`, the head from before global pooling: flattened maps,
    hidden dense layers with ReLU, each with batch normalisation in place of its bias if the network
    has any.

    Args:
        network: the `Network` that says the rest.
        hidden: units of the hidden dense layers.
        dropout: rate before each dense layer but the first on flattened maps.
        prefix: goes before the names of the layers.

    Raises:
        InputError: fewer than one class.
    """
    if hidden:
        x = _hidden_layers(x, network, hidden, dropout, prefix)
    else:
        x = pooled(x, "avg", prefix)
        if dropout:
            x = keras.layers.Dropout(dropout, dtype="float32", name=f"{prefix}dropout")(x)
    return keras.layers.Dense(
        network.num_classes,
        activation=network.classifier_activation,
        kernel_initializer="he_normal",
        dtype="float32",
        name=f"{prefix}predictions",
    )(x)


def _hidden_layers(x, network, hidden, dropout, prefix):
    dtype = {"dtype": network.dtype}
    x = keras.layers.Flatten(data_format="channels_last", name=f"{prefix}flatten", **dtype)(x)
    for number, units in enumerate(hidden, start=1):
        x = keras.layers.Dense(
            units,
            use_bias=not network.batch_norm,
            kernel_initializer="he_normal",
            name=f"{prefix}fc{number}",
            **dtype,
        )(x)
        if network.batch_norm:
            x = BatchNormalization(name=f"{prefix}bn{number}", **dtype)(x)
        x = keras.layers.ReLU(name=f"{prefix}relu{number}", **dtype)(x)
        x = keras.layers.Dropout(dropout, name=f"{prefix}dropout{number}", **dtype)(x)
    return x


def class_maps(x, network) -> keras.KerasTensor:
    """The head of Network in Network: a 1x1 convolution to one map a class, and their means.

    The means are float32, the convolution is of the network's dtype. Errors as `classifier`.
    """
    x = ConvBN(
        network.num_classes,
        1,
        use_bn=False,
        activation=None,
        dtype=network.dtype,
        name="predictions",
    )(x)
    x = pooled(x, "avg")
    if network.classifier_activation is None:
        return x
    return keras.layers.Activation(
        network.classifier_activation, dtype="float32", name="activation"
    )(x)
