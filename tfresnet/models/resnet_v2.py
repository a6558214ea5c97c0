"""Pre-activation residual networks, narrow and wide.

Sources: He et al., 2016, "Identity Mappings", https://arxiv.org/abs/1603.05027 (v2 below);
Zagoruyko and Komodakis, 2016, "Wide Residual Networks", https://arxiv.org/abs/1605.07146.

Normalisation and ReLU come before each convolution of a unit, and once after the last unit. The
stem activates its own output, so the first unit does not (section 4.1 of the first paper). The
official code of the second paper has that normalisation in the first unit, with the same result.
Where the shape changes, the shortcut is a 1x1 convolution without normalisation, as in the code of
both papers. Images of up to 64 pixels get the usual 3x3 stem.
"""

from dataclasses import dataclass

import keras

from tfresnet.layers import BatchNormalization, PreactIdentityBlock, PreactProjectionBlock
from tfresnet.models.registry import register
from tfresnet.models.resnet import NETWORKS as ORIGINALS
from tfresnet.models.resnet import ResNet


@dataclass(frozen=True, kw_only=True)
class PreactResNet(ResNet):
    """Columns: as `ResNet`.

    Option: `dropout`: rate between a unit's convolutions (0.3 for CIFAR in section 2.4 of the
    second paper).
    """

    dropout: float = 0.0

    OPTIONS = ("dropout",)

    def features(self, x):
        x = super().features(x)
        x = BatchNormalization(dtype=self.dtype, name="post_bn")(x)
        return keras.layers.ReLU(dtype=self.dtype, name="post_relu")(x)

    def unit(self, in_channels, filters, **place):
        place |= {"identity": PreactIdentityBlock, "projection": PreactProjectionBlock}
        preactivate = place["name"] != "conv2_block1"
        return super().unit(
            in_channels, filters, preactivate=preactivate, dropout=self.dropout, **place
        )


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


for _name in ("resnet50", "resnet110"):
    register(f"{_name}v2", _preactivated(_name, source="v2, Fig. 4e and Table 4"))
register("wrn16_2", _wide(16, 2))
register("wrn16_4", _wide(16, 4))
register("wrn28_10", _wide(28, 10))
