"""The residual networks of He et al., 2015, and their plain twins.

Source: "Deep Residual Learning for Image Recognition", https://arxiv.org/abs/1512.03385.
"""

import functools
from dataclasses import dataclass

import keras

from tfresnet.errors import InputError
from tfresnet.layers import ConvBN, residual_unit
from tfresnet.layers.residual import SHORTCUTS
from tfresnet.models.files import load_weights
from tfresnet.models.forms import is_small
from tfresnet.models.head import classifier, image_input
from tfresnet.models.registry import register


@dataclass(frozen=True)
class ResNet:
    """One column of a table: stages of `units[i]` units with `filters[i]` channels each."""

    units: tuple[int, ...]
    filters: tuple[int, ...]
    bottleneck: bool
    shortcut: str | None
    num_classes: int
    input_shape: tuple[int, int, int]
    source: str
    stem_filters: int | None = None  # None: as the first stage


def imagenet(units, bottleneck, shortcut="B"):
    column = sum(units) * (3 if bottleneck else 2) + 2
    return ResNet(
        units,
        filters=(64, 128, 256, 512),
        bottleneck=bottleneck,
        shortcut=shortcut,
        num_classes=1000,
        input_shape=(224, 224, 3),
        source=f"Table 1, {column}-layer" + ("" if shortcut else "; plain: Fig. 3, middle"),
    )


def cifar(depth, shortcut="A"):
    n = (depth - 2) // 6
    return ResNet(
        units=(n, n, n),
        filters=(16, 32, 64),
        bottleneck=False,
        shortcut=shortcut,
        num_classes=10,
        input_shape=(32, 32, 3),
        source=f"section 4.2 and Table 6, n = {n}",
    )


NETWORKS = {
    "resnet18": imagenet((2, 2, 2, 2), bottleneck=False),
    "resnet34": imagenet((3, 4, 6, 3), bottleneck=False),
    "resnet50": imagenet((3, 4, 6, 3), bottleneck=True),
    "resnet101": imagenet((3, 4, 23, 3), bottleneck=True),
    "resnet152": imagenet((3, 8, 36, 3), bottleneck=True),
    "plain18": imagenet((2, 2, 2, 2), bottleneck=False, shortcut=None),
    "plain34": imagenet((3, 4, 6, 3), bottleneck=False, shortcut=None),
    **{f"resnet{depth}": cifar(depth) for depth in (20, 32, 44, 56, 110, 1202)},
    **{f"plain{depth}": cifar(depth, shortcut=None) for depth in (20, 32, 44, 56, 110)},
}


def build(
    name: str,
    *,
    num_classes: int | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = None,
    weights: str | None = None,
    stem: str = "auto",
    shortcut: str | None = "auto",
    stride_in_3x3: bool = False,
    zero_init_last_gamma: bool = False,
) -> keras.Model:
    """A network of `NETWORKS` as a Functional model with one layer a unit.

    Args:
        name: key of `NETWORKS`.
        num_classes, input_shape: the paper's own by default (1000 at 224, or 10 at 32).
        include_top, pooling, classifier_activation, weights: as in Keras Applications, but for the
            output, which is logits by default, and `weights`, which is a file.
        stem: "imagenet" (7x7 / 2 and max pooling), "cifar" (one 3x3), or "auto": the second for
            images of up to 64 pixels.
        shortcut: option "A", "B" or "C" of section 4.1; "auto": B for Table 1, A for section 4.2,
            none for a plain network, which takes no other.
        stride_in_3x3: the later "v1.5" bottleneck.
        zero_init_last_gamma: start every unit as the identity.

    Shapes: `(batch, height, width, channels)` to `(batch, num_classes)`.

    Raises:
        InputError: an impossible value.
    """
    network = NETWORKS[name]
    input_shape = input_shape or network.input_shape
    shortcut = _choose_shortcut(name, network, shortcut)
    images, x = begin(name, network, stem, input_shape)
    make_unit = functools.partial(
        residual_unit,
        shortcut,
        stride_in_3x3=stride_in_3x3,
        zero_init_last_gamma=zero_init_last_gamma,
    )
    x = stages(x, network, make_unit)
    outputs = classifier(
        x,
        num_classes=network.num_classes if num_classes is None else num_classes,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
    )
    return load_weights(keras.Model(images, outputs, name=name), weights)


def _choose_shortcut(name, network, shortcut):
    if shortcut == "auto":
        return network.shortcut
    if network.shortcut is None or shortcut not in SHORTCUTS[:3]:
        rule = "'auto'" if network.shortcut is None else "'auto', 'A', 'B' or 'C'"
        raise InputError(f"shortcut of {name} must be {rule}. Received: {shortcut!r}")
    return shortcut


def begin(name, network, stem, input_shape, large_stem=None):
    """(images, x): the input and what the stem makes of it. `large_stem(images, filters)`
    replaces the 7x7 convolution of the "imagenet" stem."""
    stem = _choose_stem(network, stem, input_shape)
    halvings = len(network.units) - 1 + (2 if stem == "imagenet" else 0)
    images = image_input(input_shape, smallest=2**halvings, network=f"{name} ({stem} stem)")
    filters = network.stem_filters or network.filters[0]
    if stem == "cifar":
        return images, ConvBN(filters, 3, name="conv1")(images)
    x = (large_stem or _conv7x7)(images, filters)
    # Nothing is negative after a ReLU, so zeros do as padding for a maximum.
    x = keras.layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return images, keras.layers.MaxPooling2D(3, strides=2, name="pool1")(x)


def _choose_stem(network, stem, input_shape):
    if stem not in ("auto", "imagenet", "cifar"):
        raise InputError(f"stem must be 'auto', 'imagenet' or 'cifar'. Received: {stem!r}")
    if stem != "auto":
        return stem
    small = is_small(input_shape) or is_small(network.input_shape)
    return "cifar" if small else "imagenet"


def _conv7x7(images, filters):
    return ConvBN(filters, 7, strides=2, name="conv1")(images)


def stages(x, network, make_unit):
    """All units on x; `make_unit(in_channels, filters, strides=, bottleneck=, name=)` makes one."""
    for stage, (units, filters) in enumerate(zip(network.units, network.filters, strict=True)):
        for index in range(units):
            x = make_unit(
                x.shape[-1],
                filters,
                strides=2 if stage > 0 and index == 0 else 1,
                bottleneck=network.bottleneck,
                name=f"conv{stage + 2}_block{index + 1}",
            )(x)
    return x


for _name in NETWORKS:
    register(_name, functools.partial(build, _name))
