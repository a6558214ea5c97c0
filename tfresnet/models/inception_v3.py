"""Inception v3.

Source: Szegedy et al., 2015, https://arxiv.org/abs/1512.00567, Table 1 and Fig. 5, 6, 7, 8 and 10.
Where the table differs from the authors' published code, this file follows the code, like Keras
Applications: the convolution to 80 channels is 1x1, and the 35x35 modules have 256, 288 and 288
channels.

Training builds the network with `auxiliary=True`, which adds the auxiliary classifier.

CIFAR stem (images of up to 64 pixels): the first convolution has stride 1 and everything is padded,
so an image of 32 pixels reaches the modules at 8x8, 4x4 and 2x2. The auxiliary classifier has a 3x3
convolution without the pooling before it.
"""

from dataclasses import dataclass

from tfresnet.layers import InceptionModule
from tfresnet.models.network import CIFAR, Network
from tfresnet.models.registry import register

# Of every normalisation: no gamma, Keras' epsilon.
NORM = {"scale": False, "epsilon": 1e-3}

# (filters, kernel, published padding); None is a 3x3 / 2 max pooling.
STEM = {"conv1": (32, 3, "valid"), "conv2": (32, 3, "valid"), "conv3": (64, 3, "same")}
STEM |= {"pool1": None, "conv4": (80, 1, "valid"), "conv5": (192, 3, "valid"), "pool2": None}


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


@dataclass(frozen=True, kw_only=True)
class InceptionV3(Network):
    """Columns, with the ImageNet row as defaults: the first stride, the padding (None: as
    published), and the first layers of the auxiliary classifier.

    Option: `auxiliary`: outputs are [logits, logits of the auxiliary classifier], for training.
    """

    strides: int = 2
    padding: str | None = None
    auxiliary_pool: tuple[int, int] | None = (5, 3)  # size, strides
    auxiliary_conv: tuple[int, str] = (5, "valid")  # kernel, padding
    smallest: int = 75
    smallest_with_auxiliary: int = 299
    input_shape: tuple[int | None, int | None, int] = (299, 299, 3)

    OPTIONS = ("auxiliary",)

    def features(self, x):
        x = self._stem(x)
        outputs = []
        reduction = {"strides": 2, "padding": self.padding or "valid"}
        for name, branches in MODULES.items():
            place = reduction if name in REDUCTIONS else {}
            x = InceptionModule(branches, **place, **NORM, dtype=self.dtype, name=name)(x)
            if self.auxiliary and name == AUXILIARY_AFTER:
                outputs.append(self._auxiliary(x))
        return [x, *outputs]

    def _stem(self, x):
        for name, row in STEM.items():
            if row is None:
                x = self.pool("max", 3, 2, padding=self.padding or "valid", name=name)(x)
            else:
                filters, kernel, padding = row
                strides = self.strides if name == "conv1" else 1
                place = {"padding": self.padding or padding, "name": name}
                x = self.conv(filters, kernel, strides, **place, **NORM)(x)
        return x

    def _auxiliary(self, x):
        first, second = AUXILIARY_FILTERS
        if self.auxiliary_pool:
            x = self.pool("average", *self.auxiliary_pool, name="auxiliary_pool")(x)
        x = self.conv(first, 1, **NORM, name="auxiliary_conv1")(x)
        kernel, padding = self.auxiliary_conv
        x = self.conv(second, kernel, padding=padding, name="auxiliary_conv2", **NORM)(x)
        return self.classifier(x, prefix="auxiliary_")


_CIFAR = {"strides": 1, "padding": "same", "auxiliary_pool": None, "auxiliary_conv": (3, "same")}
_CIFAR |= {"smallest": 16, "smallest_with_auxiliary": 16}
register("inception_v3", InceptionV3(), InceptionV3(**_CIFAR, **CIFAR))
