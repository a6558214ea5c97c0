"""GoogLeNet (Inception v1).

Source: Szegedy et al., 2014, https://arxiv.org/abs/1409.4842, Table 1 and Fig. 3.

Left out: local response normalisation. The first convolution is a full 7x7; the table's 2.7K
parameters belong to a separable one (`python -m tfresnet.param_count --slides`).

Training builds the network with `auxiliary=True`, which adds the two auxiliary classifiers. Their
dense layers fix the size of the images.

CIFAR stem (images of up to 64 pixels): a 3x3 first convolution with stride 1, no pooling after the
second convolution (a total stride of 8 instead of 32), and batch normalisation.
"""

from dataclasses import dataclass

from tfresnet.layers import InceptionModule
from tfresnet.models.network import CIFAR, Network
from tfresnet.models.registry import register

# Filters: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj.
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
STEM_FILTERS = (64, 64, 192)  # 7x7, 1x1 ("reduce"), 3x3
POOLED = {"3b": "pool3", "4e": "pool4"}  # a 3x3 / 2 max pooling follows these modules
# The auxiliary classifiers (section 5): position, pooling (size, strides), layers and dropout.
AUXILIARY_AFTER = ("4a", "4d")
AUXILIARY_POOL = (5, 3)
AUXILIARY_FILTERS, AUXILIARY_DENSE, AUXILIARY_DROPOUT = 128, (1024,), 0.7


@dataclass(frozen=True, kw_only=True)
class GoogLeNet(Network):
    """Columns, with the ImageNet row as defaults: the first convolution.

    Options: `auxiliary`: outputs are [logits, logits after 4a, logits after 4d], for training;
    `naive`: the module of Fig. 2a, whose channels grow from row to row without 1x1 reductions;
    `batch_norm`: normalise in every layer but the last.
    """

    kernel: int = 7
    strides: int = 2
    smallest: int = 32
    smallest_with_auxiliary: int = 65
    batch_norm: bool = False
    dropout_rate: float = 0.4
    naive: bool = False

    OPTIONS = ("auxiliary", "naive", "batch_norm")

    def features(self, x):
        x = self._stem(x)
        outputs = []
        for name in MODULES:
            options = {"use_bn": self.batch_norm, "dtype": self.dtype, "name": f"inception{name}"}
            x = InceptionModule(branches(name, self.naive), **options)(x)
            if self.auxiliary and name in AUXILIARY_AFTER:
                outputs.append(self._auxiliary(x, f"auxiliary{name}_"))
            if name in POOLED:
                x = self._pool(x, POOLED[name])
        return [x, *outputs]

    def _stem(self, x):
        first, reduce, second = STEM_FILTERS
        x = self.conv(first, self.kernel, self.strides, name="conv1")(x)
        x = self._pool(x, "pool1")
        x = self.conv(reduce, 1, name="conv2_block1")(x)
        x = self.conv(second, 3, name="conv2_block2")(x)
        return self._pool(x, "pool2") if self.stem == "imagenet" else x

    def _pool(self, x, name):
        return self.pool("max", 3, 2, padding="same", name=name)(x)

    def _auxiliary(self, x, prefix):
        x = self.pool("average", *AUXILIARY_POOL, name=f"{prefix}pool")(x)
        x = self.conv(AUXILIARY_FILTERS, 1, name=f"{prefix}conv")(x)
        return self.classifier(x, AUXILIARY_DENSE, AUXILIARY_DROPOUT, prefix)


def branches(module: str, naive: bool = False) -> dict:
    """The branches of Fig. 2b for `InceptionModule`, or of Fig. 2a if `naive`."""
    conv1x1, reduce3x3, conv3x3, reduce5x5, conv5x5, pool_proj = MODULES[module]
    reduced = {
        "conv1x1": [(conv1x1, 1)],
        "conv3x3": [(reduce3x3, 1), (conv3x3, 3)],
        "conv5x5": [(reduce5x5, 1), (conv5x5, 5)],
        "pool": ["max", (pool_proj, 1)],
    }
    if not naive:
        return reduced
    # No 1x1 convolution before the others or after the pooling.
    return {name: steps[-1:] for name, steps in reduced.items()} | {"pool": ["max"]}


_CIFAR = {"kernel": 3, "strides": 1, "smallest": 8, "smallest_with_auxiliary": 17}
register("googlenet", GoogLeNet(), GoogLeNet(batch_norm=True, **_CIFAR, **CIFAR))
