"""VGG-19: nothing but 3x3 convolutions, 2x2 poolings and dense layers.

Source: Simonyan and Zisserman, 2014, https://arxiv.org/abs/1409.1556, Table 1, configuration E.

The dense layers follow the feature maps, so a network is made for one size of image.

CIFAR stem (images of up to 64 pixels), what is different: dense layers of 512; batch normalisation,
without which 19 layers do not get going at the rates that all networks here are trained with.
"""

from dataclasses import dataclass

from tfresnet.models.head import classifier
from tfresnet.models.network import CIFAR, Network
from tfresnet.models.registry import register

# (convolutions, filters) of the five blocks; a 2x2 / 2 max pooling ends each.
BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
DROPOUT = 0.5


@dataclass(frozen=True, kw_only=True)
class VGG(Network):
    """The dense layers. Layers are named as in Keras Applications, `block1_conv1`.

    Option: `batch_norm`: normalise in each layer but the last.
    """

    dense: tuple[int, ...]
    smallest: int = 2 ** len(BLOCKS)

    OPTIONS = ("batch_norm",)

    @property
    def fixed(self):
        return self.include_top

    def features(self, x):
        for block, (convolutions, filters) in enumerate(BLOCKS, start=1):
            for number in range(1, convolutions + 1):
                x = self.conv(filters, 3, name=f"block{block}_conv{number}")(x)
            x = self.pool("max", 2, 2, name=f"block{block}_pool")(x)
        return x

    def head(self, x):
        return classifier(x, self, hidden=self.dense, dropout=DROPOUT)


register(
    "vgg19",
    imagenet=VGG(dense=(4096, 4096), batch_norm=False),
    cifar=VGG(dense=(512, 512), **CIFAR),
)
