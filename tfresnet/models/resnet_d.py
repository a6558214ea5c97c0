"""ResNet-D: the residual networks with a deeper stem and a shortcut that loses no pixel.

Sources: He et al., 2018, "Bag of Tricks", https://arxiv.org/abs/1812.01187, section 4 and Fig. 2:
the stride of a bottleneck in its 3x3 (tweak B), three 3x3 convolutions in place of the 7x7 (C),
average pooling before the 1x1 of the shortcut (D). For images of up to 64 pixels the stem is the
one 3x3 that all networks here use for them; the tweaks of the units stay.
"""

import dataclasses
import functools

import keras

from tfresnet.layers import ConvBN, PooledProjectionBlock, residual_unit
from tfresnet.models.files import load_weights
from tfresnet.models.head import classifier
from tfresnet.models.registry import register
from tfresnet.models.resnet import NETWORKS as ORIGINALS
from tfresnet.models.resnet import begin, stages

STEM_SHARES = (2, 2, 1)  # of the 7x7's filters: 64 / 2, 64 / 2, 64

NETWORKS = {
    f"{name}d": dataclasses.replace(ORIGINALS[name], source=f"Fig. 2 on {name}")
    for name in ("resnet18", "resnet50")
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
    zero_init_last_gamma: bool = False,
) -> keras.Model:
    """A network of `NETWORKS` as a Functional model with one layer a unit.

    Arguments, shapes and errors as `tfresnet.models.resnet.build`.
    """
    network = NETWORKS[name]
    images, x = begin(name, network, stem, input_shape or network.input_shape, _deep_stem)
    make_unit = functools.partial(
        residual_unit,
        network.shortcut,
        projection=PooledProjectionBlock,
        stride_in_3x3=True,
        zero_init_last_gamma=zero_init_last_gamma,
    )
    outputs = classifier(
        stages(x, network, make_unit),
        num_classes=network.num_classes if num_classes is None else num_classes,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
    )
    return load_weights(keras.Model(images, outputs, name=name), weights)


def _deep_stem(images, filters):
    x = images
    for index, share in enumerate(STEM_SHARES):
        strides = 2 if index == 0 else 1
        x = ConvBN(filters // share, 3, strides=strides, name=f"conv1_block{index + 1}")(x)
    return x


for _name in NETWORKS:
    register(_name, functools.partial(build, _name))
