"""Inception v3.

Source: Szegedy et al., 2015, https://arxiv.org/abs/1512.00567, Table 1 and Fig. 5, 6, 7, 8 and 10,
in the form of the authors' published code, which Keras Applications has too. Where the paper's
table and that code differ, the code is followed: the convolution to 80 channels is 1x1, and the
35x35 modules have 256, 288 and 288 channels.

The auxiliary classifier exists only in a network built with `auxiliary=True`, which is how it is
trained.

CIFAR form (images of up to 64 pixels), what is different: the first convolution has stride 1, and
everything is padded, so that the modules work at 8x8, 4x4 and 2x2 for an image of 32 pixels; the
auxiliary classifier's convolution is 3x3, without the pooling before it.
"""

from dataclasses import dataclass

import keras

from tfresnet.layers import ConvBN, InceptionModule
from tfresnet.models.files import load_weights
from tfresnet.models.forms import choose_form
from tfresnet.models.head import classifier, image_input
from tfresnet.models.registry import register

# No factor in the normalisation, and Keras' own epsilon.
NORM = {"scale": False, "epsilon": 1e-3}

# (filters, kernel, padding in the published form); a pooling follows where a row says "pool".
STEM = ((32, 3, "valid"), (32, 3, "valid"), (64, 3, "same"), "pool1", (80, 1, "valid"))
STEM += ((192, 3, "valid"), "pool2")


def _at_35(pool):  # Fig. 5
    return {
        "conv1x1": [(64, 1)],
        "conv5x5": [(48, 1), (64, 5)],
        "conv3x3": [(64, 1), (96, 3), (96, 3)],
        "pool": ["average", (pool, 1)],
    }


def _at_17(n):  # Fig. 6, n = 7
    return {
        "conv1x1": [(192, 1)],
        "conv7x7": [(n, 1), (n, (1, 7)), (192, (7, 1))],
        "double7x7": [(n, 1), (n, (7, 1)), (n, (1, 7)), (n, (7, 1)), (192, (1, 7))],
        "pool": ["average", (192, 1)],
    }


def _at_8():  # Fig. 7
    both = [(384, (1, 3)), (384, (3, 1))]
    return {
        "conv1x1": [(320, 1)],
        "conv3x3": [(384, 1), both],
        "double3x3": [(448, 1), (384, 3), both],
        "pool": ["average", (192, 1)],
    }


REDUCE_TO_17 = {"conv3x3": [(384, 3)], "double3x3": [(64, 1), (96, 3), (96, 3)], "pool": ["max"]}
REDUCE_TO_8 = {
    "conv3x3": [(192, 1), (320, 3)],
    "conv7x7": [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)],
    "pool": ["max"],
}

# Branches by module; names as in Keras Applications.
MODULES = {
    "mixed0": _at_35(32),
    "mixed1": _at_35(64),
    "mixed2": _at_35(64),
    "mixed3": REDUCE_TO_17,
    "mixed4": _at_17(128),
    "mixed5": _at_17(160),
    "mixed6": _at_17(160),
    "mixed7": _at_17(192),
    "mixed8": REDUCE_TO_8,
    "mixed9": _at_8(),
    "mixed10": _at_8(),
}
REDUCTIONS = ("mixed3", "mixed8")  # Fig. 10: every branch ends with stride 2
AUXILIARY_AFTER = "mixed7"
AUXILIARY_FILTERS = (128, 768)


@dataclass(frozen=True)
class Form:
    """What depends on the size of the images; `padding` None: as the tables have it."""

    strides: int
    padding: str | None
    auxiliary_pool: tuple[int, int] | None  # size, strides
    auxiliary_kernel: int
    auxiliary_padding: str
    smallest: int
    smallest_auxiliary: int  # leaves the auxiliary convolution a pixel
    num_classes: int
    input_shape: tuple[int, int, int]


FORMS = {
    "imagenet": Form(2, None, (5, 3), 5, "valid", 75, 299, 1000, (299, 299, 3)),
    "cifar": Form(1, "same", None, 3, "same", 16, 16, 10, (32, 32, 3)),
}


def build(
    *,
    num_classes: int | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = None,
    weights: str | None = None,
    form: str = "auto",
    auxiliary: bool = False,
) -> keras.Model:
    """Inception v3 as a Functional model with one layer a module.

    Args:
        num_classes, input_shape: 1000 at 299 by default, or 10 at 32 in the CIFAR form.
        include_top, pooling, classifier_activation, weights: as `tfresnet.models.resnet.build`.
        form: "imagenet", "cifar", or "auto": the second for images of up to 64 pixels.
        auxiliary: outputs are [logits, logits of the auxiliary classifier], for training.

    Raises:
        InputError: an impossible value.
    """
    row = choose_form(FORMS, form, "inception_v3", input_shape=input_shape, num_classes=num_classes)
    top = {"num_classes": row.num_classes, "classifier_activation": classifier_activation}
    auxiliary = auxiliary and include_top
    images = image_input(
        row.input_shape,
        smallest=row.smallest_auxiliary if auxiliary else row.smallest,
        network="inception_v3" + (" with its auxiliary classifier" if auxiliary else ""),
    )
    x = _stem(images, row)
    outputs = []
    for name, branches in MODULES.items():
        place = {"strides": 2, "padding": row.padding or "valid"} if name in REDUCTIONS else {}
        x = InceptionModule(branches, **place, **NORM, name=name)(x)
        if auxiliary and name == AUXILIARY_AFTER:
            outputs.append(_auxiliary(x, row, top))
    main = classifier(x, include_top=include_top, pooling=pooling, **top)
    outputs = [main, *outputs] if outputs else main
    return load_weights(keras.Model(images, outputs, name="inception_v3"), weights)


def _stem(x, row):
    strides, number = row.strides, 0  # of the first convolution
    for step in STEM:
        if isinstance(step, str):
            padding = row.padding or "valid"
            x = keras.layers.MaxPooling2D(3, strides=2, padding=padding, name=step)(x)
            continue
        filters, kernel, padding = step
        number += 1
        padding = row.padding or padding
        x = ConvBN(filters, kernel, strides, padding=padding, **NORM, name=f"conv{number}")(x)
        strides = 1
    return x


def _auxiliary(x, row, top):
    first, second = AUXILIARY_FILTERS
    if row.auxiliary_pool:
        x = keras.layers.AveragePooling2D(*row.auxiliary_pool, name="auxiliary_pool")(x)
    x = ConvBN(first, 1, **NORM, name="auxiliary_conv1")(x)
    padding = row.auxiliary_padding
    x = ConvBN(second, row.auxiliary_kernel, padding=padding, **NORM, name="auxiliary_conv2")(x)
    return classifier(x, prefix="auxiliary_", **top)


register("inception_v3", build)
