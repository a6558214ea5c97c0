"""Network in Network: 1x1 convolutions after each convolution, and no dense layer.

Source: Lin et al., 2013, https://arxiv.org/abs/1312.4400. The paper prints few sizes. The rows
below are those of the authors' Caffe models for ImageNet and CIFAR-10.

Two deviations. The last convolution has no ReLU: its maps are the logits, and a class with a zero
map would get no gradient. The first pooling of the ImageNet row leaves 26 of 54 pixels, as in the
lecture; Caffe rounds up to 27.

CIFAR stem (images of up to 64 pixels): the authors' network with batch normalisation added
(`batch_norm=False` gives theirs).
"""

from dataclasses import dataclass

import keras

from tfresnet.models.network import CIFAR, Network, global_pool
from tfresnet.models.registry import register


@dataclass(frozen=True)
class Block:
    """A convolution, 1x1 convolutions with `mlp` filters, and a 3x3 / 2 pooling if `pool`."""

    filters: int
    kernel: int
    mlp: tuple[int, ...]
    strides: int = 1
    padding: str = "same"
    pool: str | None = None
    pool_padding: str = "same"
    dropout: float = 0.0


@dataclass(frozen=True, kw_only=True)
class NetworkInNetwork(Network):
    """Column: the blocks before the 1x1 convolution to the classes.

    Options: `batch_norm`: normalise after every convolution but the last; `dropout`: whether to
    use the dropout of the blocks.
    """

    blocks: tuple[Block, ...]
    smallest: int
    dropout: bool = True

    OPTIONS = ("batch_norm", "dropout")

    def features(self, x):
        for number, block in enumerate(self.blocks, start=1):
            place = {"padding": block.padding, "name": f"conv{number}_block1"}
            x = self.conv(block.filters, block.kernel, block.strides, **place)(x)
            for index, filters in enumerate(block.mlp, start=2):
                x = self.conv(filters, 1, name=f"conv{number}_block{index}")(x)
            if block.pool:
                x = self.pool(block.pool, 3, 2, padding=block.pool_padding, name=f"pool{number}")(x)
            if block.dropout and self.dropout:
                name = f"dropout{number}"
                x = keras.layers.Dropout(block.dropout, dtype=self.dtype, name=name)(x)
        return x

    def head(self, x):
        """A 1x1 convolution to one map a class, and the maps' means, which are float32."""
        options = {"use_bn": False, "activation": None, "name": "predictions"}
        x = global_pool(self.conv(self.num_classes, 1, **options)(x), "avg")
        if self.classifier_activation is None:
            return x
        options = {"dtype": "float32", "name": "activation"}
        return keras.layers.Activation(self.classifier_activation, **options)(x)


register(
    "nin",
    imagenet=NetworkInNetwork(
        blocks=(
            Block(96, 11, (96, 96), 4, "valid", pool="max", pool_padding="valid"),
            Block(256, 5, (256, 256), pool="max"),
            Block(384, 3, (384, 384), pool="max", pool_padding="valid", dropout=0.5),
            Block(1024, 3, (1024,)),
        ),
        batch_norm=False,
        smallest=51,
    ),
    cifar=NetworkInNetwork(
        blocks=(
            Block(192, 5, (160, 96), pool="max", dropout=0.5),
            Block(192, 5, (192, 192), pool="average", dropout=0.5),
            Block(192, 3, (192,)),
        ),
        smallest=4,
        **CIFAR,
    ),
)
