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

from dataclasses import dataclass

import keras

from tfresnet.layers import BatchNormalization, PreactIdentityBlock, PreactProjectionBlock
from tfresnet.models.registry import register
from tfresnet.models.resnet import NETWORKS as ORIGINALS
from tfresnet.models.resnet import ResNet


@dataclass(frozen=True, kw_only=True)
class PreactResNet(ResNet):
    """Columns as `ResNet`.

    Option: `dropout`: rate between the convolutions of every unit (section 2.4 of the second paper:
    0.3 for CIFAR).
    """

    dropout: float = 0.0

    OPTIONS = ("dropout",)

    def features(self, x):
        x = super().features(x)
        x = BatchNormalization(dtype=self.dtype, name="post_bn")(x)
        return keras.layers.ReLU(dtype=self.dtype, name="post_relu")(x)

    def unit(self, in_channels, filters, **place):
        return super().unit(
            in_channels,
            filters,
            identity=PreactIdentityBlock,
            projection=PreactProjectionBlock,
            preactivate=place["name"] != "conv2_block1",
            dropout=self.dropout,
            **place,
        )


def _v2(name):
    return _preactivated(name, source="v2, Fig. 4e and Table 4")


def _wide(depth, width):
    n = (depth - 4) // 6
    return _preactivated(
        "resnet20",
        units=(n, n, n),
        filters=(16 * width, 32 * width, 64 * width),
        stem_filters=16,
        source=f"wide, Table 1, N = {n}, k = {width}",
    )


def _preactivated(name, **changes):
    row = vars(ORIGINALS[name]) | {"shortcut": "B", "stride_in_3x3": True}
    return PreactResNet(**row | changes)


register("resnet50v2", _v2("resnet50"))
register("resnet110v2", _v2("resnet110"))
register("wrn16_2", _wide(16, 2))
register("wrn16_4", _wide(16, 4))
register("wrn28_10", _wide(28, 10))
