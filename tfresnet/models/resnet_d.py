"""ResNet-D: residual networks with a deeper stem and a shortcut that uses every pixel.

Source: He et al., 2018, "Bag of Tricks", https://arxiv.org/abs/1812.01187, section 4 and Fig. 2:
a bottleneck's stride in its 3x3 (tweak B), three 3x3 convolutions instead of the 7x7 (C), average
pooling before the shortcut's 1x1 (D). Images of up to 64 pixels get the usual 3x3 stem; the units
keep the tweaks.
"""

from dataclasses import dataclass

from tfresnet.layers import PooledProjectionBlock
from tfresnet.models.registry import register
from tfresnet.models.resnet import NETWORKS as ORIGINALS
from tfresnet.models.resnet import ResNet

STEM_SHARES = (2, 2, 1)  # of the 7x7's filters: 64 / 2, 64 / 2, 64


@dataclass(frozen=True, kw_only=True)
class ResNetD(ResNet):
    """Columns and option: as `ResNet`."""

    OPTIONS = ("zero_init_residual",)

    def large_convolution(self, x, filters):
        for index, share in enumerate(STEM_SHARES):
            strides = 2 if index == 0 else 1
            x = self.conv(filters // share, 3, strides, name=f"conv1_block{index + 1}")(x)
        return x

    def unit(self, in_channels, filters, **place):
        return super().unit(in_channels, filters, projection=PooledProjectionBlock, **place)


for _name in ("resnet18", "resnet50"):
    _changes = {"stride_in_3x3": True, "source": f"Fig. 2 on {_name}"}
    register(f"{_name}d", ResNetD(**vars(ORIGINALS[_name]) | _changes))
