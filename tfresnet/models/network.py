"""A network as data: a frozen row of its paper's table."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import keras

from tfresnet.errors import InputError
from tfresnet.layers import BatchNormalization, ConvBN
from tfresnet.layers.pooling import pool2d
from tfresnet.settings.values import whole_number

CIFAR = {"num_classes": 10, "input_shape": (32, 32, 3)}


@dataclass(frozen=True, kw_only=True)
class Network:
    """The base class of the network families, with the two ends that all share: the checked input
    and the classifier.

    A family adds its columns, `features`, and `smallest`: the shortest side of an image that
    leaves every layer a pixel. A row holds the paper's numbers. `create_model` replaces some by its
    arguments, so the row it builds describes the whole model.
    """

    num_classes: int = 1000
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3)
    batch_norm: bool = True
    auxiliary: bool = False  # further classifiers, for training
    smallest_with_auxiliary: int = 0
    dense: tuple[int, ...] = ()  # hidden dense layers of the classifier
    dropout_rate: float = 0.0  # of the classifier
    # Set by create_model:
    name: str = ""
    stem: str = ""
    include_top: bool = True
    classifier_activation: str | None = None
    dtype: str | None = None

    OPTIONS: ClassVar[tuple[str, ...]] = ()  # the fields that create_model takes for this family

    def __str__(self):
        return f"{self.name} ({self.stem} stem)" + " with auxiliary classifiers" * self.auxiliary

    def images(self) -> keras.KerasTensor:
        """The input, `(batch, *input_shape)`, float32.

        Raises:
            InputError: not three numbers, no channels, or a side that is too short.
        """
        received = f"Received: {self.input_shape}"
        if len(self.input_shape) != 3:
            raise InputError(f"input_shape must be (height, width, channels). {received}")
        *sides, channels = self.input_shape
        sides = [None if side is None else whole_number("input_shape", side) for side in sides]
        shape = (*sides, whole_number("channels of input_shape", channels))
        smallest = self.smallest_with_auxiliary if self.auxiliary else self.smallest
        if any(side is not None and side < smallest for side in sides):
            rule = f"the strides of {self} need sides of at least {smallest} pixels"
            raise InputError(f"input_shape: {rule}. {received}")
        return keras.Input(shape, dtype="float32", name="images")

    def features(self, x) -> keras.KerasTensor | list[keras.KerasTensor]:
        """Feature maps of images; with `auxiliary` a list: the maps, logits, logits ..."""
        raise NotImplementedError

    def head(self, x) -> keras.KerasTensor:
        """Logits of feature maps."""
        return self.classifier(x, self.dense, self.dropout_rate)

    def classifier(self, x, hidden=(), dropout=0.0, prefix="") -> keras.KerasTensor:
        """Logits of feature maps, or the output of `classifier_activation`.

        Global average pooling and a dense layer, float32 under every dtype policy: they are cheap,
        and the loss needs the precision. `hidden`, units of hidden dense layers with ReLU, gives
        the older head on flattened maps; with `batch_norm`, they have it instead of a bias.

        Args:
            dropout: rate before each dense layer, except the first on flattened maps.
            prefix: of the layers' names.

        Raises:
            InputError: an open side (None) of the images before hidden dense layers.
        """
        if hidden and None in x.shape[1:]:
            rule = f"before the dense layers of {self.name} height and width must be numbers"
            raise InputError(f"input_shape: {rule}. Received: {self.input_shape}")
        if hidden:
            x = self._hidden_layers(x, hidden, dropout, prefix)
        else:
            x = global_pool(x, "avg", prefix)
            if dropout:
                x = keras.layers.Dropout(dropout, dtype="float32", name=f"{prefix}dropout")(x)
        options = {"kernel_initializer": "he_normal", "dtype": "float32"}
        options |= {"activation": self.classifier_activation, "name": f"{prefix}predictions"}
        return keras.layers.Dense(self.num_classes, **options)(x)

    def _hidden_layers(self, x, hidden, dropout, prefix):
        dtype = {"dtype": self.dtype}
        x = keras.layers.Flatten(data_format="channels_last", name=f"{prefix}flatten", **dtype)(x)
        for number, units in enumerate(hidden, start=1):
            options = {"use_bias": not self.batch_norm, "kernel_initializer": "he_normal"} | dtype
            x = keras.layers.Dense(units, name=f"{prefix}fc{number}", **options)(x)
            if self.batch_norm:
                x = BatchNormalization(name=f"{prefix}bn{number}", **dtype)(x)
            x = keras.layers.ReLU(name=f"{prefix}relu{number}", **dtype)(x)
            x = keras.layers.Dropout(dropout, name=f"{prefix}dropout{number}", **dtype)(x)
        return x

    def with_options(self, **options) -> Network:
        """The row with these options; None keeps the row's value.

        Raises:
            InputError: an option that is not in `OPTIONS`, or an impossible value.
        """
        for option in options:
            if option not in self.OPTIONS:
                rule = f"{self.name} has no such option, only {', '.join(('stem', *self.OPTIONS))}"
                raise InputError(f"{rule}. Received: {option!r}")
        given = {name: value for name, value in options.items() if value is not None}
        if given.get("auxiliary") and not self.include_top:
            raise InputError("auxiliary classifiers need include_top=True. Received: False")
        return dataclasses.replace(self, **given)

    def conv(self, filters, kernel_size, strides=1, **options) -> ConvBN:
        options = {"use_bn": self.batch_norm, "dtype": self.dtype} | options
        return ConvBN(filters, kernel_size, strides, **options)

    def pool(self, kind, size, strides, **options) -> keras.layers.Layer:
        return pool2d(kind, size, strides, dtype=self.dtype, **options)

    def pad(self, zeros, name) -> keras.layers.Layer:
        options = {"data_format": "channels_last", "dtype": self.dtype}
        return keras.layers.ZeroPadding2D(zeros, name=name, **options)


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
