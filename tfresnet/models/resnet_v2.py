"""Pre-activation residual networks, narrow and wide.

Sources: He et al., 2016, "Identity Mappings", https://arxiv.org/abs/1603.05027 (v2 below);
Zagoruyko and Komodakis, 2016, "Wide Residual Networks", https://arxiv.org/abs/1605.07146.

In both, a normalisation and a ReLU stand before each convolution of a unit and once after the
last unit. The stem activates its own output, so the first unit does not do it again (section 4.1
of the first paper); the official code of the second puts that normalisation into the first unit,
which computes the same. Shortcuts: a 1x1 convolution without normalisation where the shape
changes, as in the code of both papers. For images of up to 64 pixels `resnet50v2` has the 3x3 stem
of all networks here.
"""

import dataclasses
import functools

import keras

from tfresnet.layers import (
    BatchNormalization,
    PreactIdentityBlock,
    PreactProjectionBlock,
    residual_unit,
)
from tfresnet.models.files import load_weights
from tfresnet.models.head import classifier
from tfresnet.models.registry import register
from tfresnet.models.resnet import NETWORKS as ORIGINALS
from tfresnet.models.resnet import begin, stages


def _v2(name):
    return dataclasses.replace(ORIGINALS[name], shortcut="B", source="v2, Fig. 4e and Table 4")


def _wide(depth, width):
    n = (depth - 4) // 6
    return dataclasses.replace(
        ORIGINALS["resnet20"],
        units=(n, n, n),
        filters=(16 * width, 32 * width, 64 * width),
        shortcut="B",
        stem_filters=16,
        source=f"wide, Table 1, N = {n}, k = {width}",
    )


NETWORKS = {
    "resnet50v2": _v2("resnet50"),
    "resnet110v2": _v2("resnet110"),
    "wrn16_4": _wide(16, 4),
    "wrn28_10": _wide(28, 10),
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
    dropout: float = 0.0,
) -> keras.Model:
    """A network of `NETWORKS` as a Functional model with one layer a unit.

    `dropout` is the rate between the convolutions of every unit (section 2.4 of the second paper:
    0.3 for CIFAR). Other arguments, shapes and errors as `tfresnet.models.resnet.build`.
    """
    network = NETWORKS[name]
    images, x = begin(name, network, stem, input_shape or network.input_shape)
    x = stages(x, network, functools.partial(_unit, network, dropout))
    x = BatchNormalization(name="post_bn")(x)
    x = keras.layers.ReLU(name="post_relu")(x)
    outputs = classifier(
        x,
        num_classes=network.num_classes if num_classes is None else num_classes,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
    )
    return load_weights(keras.Model(images, outputs, name=name), weights)


def _unit(network, dropout, in_channels, filters, **kwargs):
    return residual_unit(
        network.shortcut,
        in_channels,
        filters,
        identity=PreactIdentityBlock,
        projection=PreactProjectionBlock,
        stride_in_3x3=True,
        preactivate=kwargs["name"] != "conv2_block1",
        dropout=dropout,
        **kwargs,
    )


for _name in NETWORKS:
    register(_name, functools.partial(build, _name))
