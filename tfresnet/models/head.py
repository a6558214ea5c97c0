"""What all networks share at their two ends: the checked input and the classifier."""

import keras

from tfresnet.errors import InputError


def image_input(input_shape, *, smallest: int, network: str) -> keras.KerasTensor:
    """The input of a network, `(batch, *input_shape)`.

    Args:
        input_shape: (height, width, channels); a side may be None where any size will do.
        smallest: shortest side that leaves the last stage a pixel of its own.
        network: name to show in errors.

    Raises:
        InputError: not three numbers, no channels, or a side below `smallest`.
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
    return keras.Input(shape, name="images")


def classifier(
    x,
    *,
    num_classes: int,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = None,
    dropout: float = 0.0,
):
    """Global average pooling and a dense layer: logits unless an activation is named.

    Pooling and logits are float32 under every precision policy: they are cheap, and a loss needs
    their digits. Without the top, `pooling` is None (feature maps), "avg" or "max".

    Raises:
        InputError: fewer than one class or an unknown pooling.
    """
    if not include_top:
        return _pooled(x, pooling)
    if not isinstance(num_classes, int) or num_classes < 1:
        raise InputError(f"num_classes must be at least 1. Received: {num_classes!r}")
    x = _pooled(x, "avg")
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.layers.Dense(
        num_classes,
        activation=classifier_activation,
        kernel_initializer="he_normal",
        dtype="float32",
        name="predictions",
    )(x)


def _pooled(x, pooling):
    if pooling is None:
        return x
    if pooling == "avg":
        return keras.layers.GlobalAveragePooling2D(dtype="float32", name="avg_pool")(x)
    if pooling == "max":
        return keras.layers.GlobalMaxPooling2D(name="max_pool")(x)
    raise InputError(f"pooling must be None, 'avg' or 'max'. Received: {pooling!r}")
