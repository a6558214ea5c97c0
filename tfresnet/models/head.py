"""What all networks share at their two ends: the checked input and the classifier."""

import keras

from tfresnet.errors import InputError
from tfresnet.layers import BatchNormalization, ConvBN


def image_input(
    input_shape, *, smallest: int, network: str, fixed: bool = False
) -> keras.KerasTensor:
    """The input of a network, `(batch, *input_shape)`.

    Args:
        input_shape: (height, width, channels); a side may be None where any size will do.
        smallest: shortest side that leaves the last stage a pixel of its own.
        network: name to show in errors.
        fixed: refuse None: dense layers on feature maps have weights for one size only.

    Raises:
        InputError: not three numbers, no channels, a side below `smallest`, or an open one.
    """
    shape = tuple(input_shape)
    sides = shape[:2]
    if len(shape) != 3 or not isinstance(shape[2], int) or shape[2] < 1:
        raise InputError(f"input_shape must be (height, width, channels). Received: {input_shape}")
    if any(side is not None and (not isinstance(side, int) or side < smallest) for side in sides):
        raise InputError(
            f"input_shape: the strides of {network} need sides of at least {smallest} pixels. "
            f"Received: {input_shape}"
        )
    if fixed and None in sides:
        raise InputError(
            f"input_shape: the dense layers of {network} are made for one size of image, so height "
            f"and width must be numbers. Received: {input_shape}"
        )
    return keras.Input(shape, name="images")


def classifier(
    x,
    *,
    num_classes: int,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = None,
    dropout: float = 0.0,
    prefix: str = "",
):
    """Global average pooling and a dense layer: logits unless an activation is named.

    Pooling and logits are float32 under every precision policy: they are cheap, and a loss needs
    their digits. Without the top, `pooling` is None (feature maps), "avg" or "max". `prefix` goes
    before the names of the layers.

    Raises:
        InputError: fewer than one class or an unknown pooling.
    """
    if not include_top:
        return _pooled(x, pooling)
    x = _pooled(x, "avg", prefix)
    if dropout:
        x = keras.layers.Dropout(dropout, name=f"{prefix}dropout")(x)
    return _predictions(x, num_classes, classifier_activation, prefix)


def dense_classifier(
    x,
    *,
    hidden: tuple[int, ...],
    dropout: float,
    use_bn: bool = False,
    num_classes: int,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = None,
    prefix: str = "",
):
    """The head from before global pooling: flatten, hidden dense layers with ReLU and dropout.

    `use_bn` normalises before each ReLU, in place of the bias. Other arguments and errors as
    `classifier`.
    """
    if not include_top:
        return _pooled(x, pooling)
    x = keras.layers.Flatten(name=f"{prefix}flatten")(x)
    for number, units in enumerate(hidden, start=1):
        x = keras.layers.Dense(
            units, use_bias=not use_bn, kernel_initializer="he_normal", name=f"{prefix}fc{number}"
        )(x)
        if use_bn:
            x = BatchNormalization(name=f"{prefix}bn{number}")(x)
        x = keras.layers.ReLU(name=f"{prefix}relu{number}")(x)
        x = keras.layers.Dropout(dropout, name=f"{prefix}dropout{number}")(x)
    return _predictions(x, num_classes, classifier_activation, prefix)


def class_maps(
    x,
    *,
    num_classes: int,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = None,
):
    """The head of Network in Network: a 1x1 convolution to one map a class, and their means.

    Other arguments and errors as `classifier`.
    """
    if not include_top:
        return _pooled(x, pooling)
    _check_classes(num_classes)
    x = ConvBN(num_classes, 1, use_bn=False, activation=None, name="predictions")(x)
    x = _pooled(x, "avg")
    if classifier_activation is not None:
        x = keras.layers.Activation(classifier_activation, dtype="float32", name="activation")(x)
    return x


def _predictions(x, num_classes, activation, prefix):
    _check_classes(num_classes)
    return keras.layers.Dense(
        num_classes,
        activation=activation,
        kernel_initializer="he_normal",
        dtype="float32",
        name=f"{prefix}predictions",
    )(x)


def _check_classes(num_classes):
    if not isinstance(num_classes, int) or num_classes < 1:
        raise InputError(f"num_classes must be at least 1. Received: {num_classes!r}")


def _pooled(x, pooling, prefix=""):
    if pooling is None:
        return x
    if pooling == "avg":
        return keras.layers.GlobalAveragePooling2D(dtype="float32", name=f"{prefix}avg_pool")(x)
    if pooling == "max":
        return keras.layers.GlobalMaxPooling2D(name=f"{prefix}max_pool")(x)
    raise InputError(f"pooling must be None, 'avg' or 'max'. Received: {pooling!r}")
