"""A network as data: a frozen row of its paper's table."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import keras

from tfresnet.errors import InputError
from tfresnet.layers import ConvBN
from tfresnet.layers.pooling import pool2d
from tfresnet.models.head import classifier

CIFAR = {"num_classes": 10, "input_shape": (32, 32, 3)}


@dataclass(frozen=True, kw_only=True)
class Network:
    """The base class of the network families.

    A family adds its columns, `features`, and `smallest`: the shortest side of an image that
    leaves every layer a pixel. A row holds the paper's numbers. `create_model` replaces some by its
    arguments, so the row it builds describes the whole model.
    """

    num_classes: int = 1000
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3)
    batch_norm: bool = True
    auxiliary: bool = False  # further classifiers, for training
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

    def features(self, x) -> keras.KerasTensor | list[keras.KerasTensor]:
        """Feature maps of images; with `auxiliary` a list: the maps, logits, logits ..."""
        raise NotImplementedError

    def head(self, x) -> keras.KerasTensor:
        """Logits of feature maps."""
        return classifier(x, self, hidden=self.dense, dropout=self.dropout_rate)

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
