"""VGG-16 and VGG-19: only 3x3 convolutions, 2x2 poolings and dense layers.

Source: Simonyan and Zisserman, 2014, https://arxiv.org/abs/1409.1556, Table 1, configurations D
and E.

The dense layers fix the size of the images.

CIFAR stem (images of up to 64 pixels): dense layers of 512, and batch normalisation. Without it,
the training of 19 layers does not start at the usual rates here.
"""

from dataclasses import dataclass

from tfresnet.models.network import CIFAR, Network
from tfresnet.models.registry import register

FILTERS = (64, 128, 256, 512, 512)  # of each block; a 2x2 / 2 max pooling follows
CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}  # in each block


@dataclass(frozen=True, kw_only=True)
class VGG(Network):
    """Column, with the ImageNet row as default: the dense layers.

    Option: `batch_norm`: normalise in every layer but the last. Layers have Keras Applications'
    names, such as `block1_conv1`.
    """

    dense: tuple[int, ...] = (4096, 4096)
    dropout_rate: float = 0.5
    batch_norm: bool = False
    smallest: int = 2 ** len(FILTERS)

    OPTIONS = ("batch_norm",)

    def features(self, x):
        blocks = zip(CONVOLUTIONS[self.name], FILTERS, strict=True)
        for block, (convolutions, filters) in enumerate(blocks, start=1):
            for number in range(1, convolutions + 1):
                x = self.conv(filters, 3, name=f"block{block}_conv{number}")(x)
            x = self.pool("max", 2, 2, name=f"block{block}_pool")(x)
        return x


for _name in CONVOLUTIONS:
    register(_name, VGG(), VGG(dense=(512, 512), batch_norm=True, **CIFAR))
