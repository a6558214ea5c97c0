"""The two ends that all networks share: the checked input and the classifier."""

import keras

from tfresnet.errors import InputError
from tfresnet.layers import BatchNormalization, ConvBN
from tfresnet.settings.values import whole_number


def image_input(network) -> keras.KerasTensor:
    """The input of a `Network`, `(batch, *input_shape)`, float32.

    Raises:
        InputError: not three numbers, no channels, or a side that is too short.
    """
    received = f"Received: {network.input_shape}"
    if len(network.input_shape) != 3:
        raise InputError(f"input_shape must be (height, width, channels). {received}")
    *sides, channels = network.input_shape
    sides = [None if side is None else whole_number("input_shape", side) for side in sides]
    shape = (*sides, whole_number("channels of input_shape", channels))
    smallest = network.smallest
    if any(side is not None and side < smallest for side in sides):
        rule = f"the strides of {network} need sides of at least {smallest} pixels"
        raise InputError(f"input_shape: {rule}. {received}")
    return keras.Input(shape, dtype="float32", name="images")


def global_pool(x, pooling: str | None, prefix: str = "") -> keras.KerasTensor:
    """Global "avg" or "max" pooling of feature maps in float32; None returns the maps.

    Raises:
        InputError: another pooling.
    """
    if pooling is None:
        return x
    layers = keras.layers
    poolings = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
    if pooling not in poolings:
        raise InputError(f"pooling must be None, 'avg' or 'max'. Received: {pooling!r}")
    name = f"{prefix}{pooling}_pool"
    return poolings[pooling](data_format="channels_last", dtype="float32", name=name)(x)


def classifier(x, network, *, hidden=(), dropout=0.0, prefix="") -> keras.KerasTensor:
    """Logits of feature maps, or the output of the network's `classifier_activation`.

    Global average pooling and a dense layer, float32 under every dtype policy: they are cheap, and
    the loss needs the precision. `hidden` gives the older head: flattened maps and hidden dense
    layers with ReLU. With `network.batch_norm`, these have batch normalisation instead of a bias.

    Args:
        network: a `Network`.
        hidden: units of the hidden dense layers.
        dropout: rate before each dense layer, except the first on flattened maps.
        prefix: of the layers' names.

    Raises:
        InputError: an open side (None) of the images before hidden dense layers.
    """
    if hidden and None in x.shape[1:]:
        rule = f"before the dense layers of {network.name} height and width must be numbers"
        raise InputError(f"input_shape: {rule}. Received: {network.input_shape}")
    if hidden:
        x = _hidden_layers(x, network, hidden, dropout, prefix)
    else:
        x = global_pool(x, "avg", prefix)
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
        options = {"use_bias": not network.batch_norm, "kernel_initializer": "he_normal"} | dtype
        x = keras.layers.Dense(units, name=f"{prefix}fc{number}", **options)(x)
        if network.batch_norm:
            x = BatchNormalization(name=f"{prefix}bn{number}", **dtype)(x)
        x = keras.layers.ReLU(name=f"{prefix}relu{number}", **dtype)(x)
        x = keras.layers.Dropout(dropout, name=f"{prefix}dropout{number}", **dtype)(x)
    return x


def class_maps(x, network) -> keras.KerasTensor:
    """The head of Network in Network: a 1x1 convolution to one map a class, and the maps' means.

    The means are float32; the convolution has the network's dtype.
    """
    options = {"use_bn": False, "activation": None, "dtype": network.dtype}
    x = ConvBN(network.num_classes, 1, name="predictions", **options)(x)
    x = global_pool(x, "avg")
    activation = network.classifier_activation
    if activation is None:
        return x
    return keras.layers.Activation(activation, dtype="float32", name="activation")(x)
